import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { renderWith } from '@/test-render';
import { TimeChart } from './time-chart';
import type { Analysis } from './types';

const points = Array.from({ length: 14 }, (_, day) => ({ from: new Date(Date.UTC(2024, 9, 14 + day)).toISOString(), negative: day === 0 ? 0 : 4, neutral: 2, positive: day === 13 ? 6 : 0 }));
const analysis = { series: { sentiment_over_time: { granularity: 'day', points } }, filters: { tz: 'UTC' }, spikes: [] } as unknown as Analysis;
let width = 644;

beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockImplementation(() => width);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(354);
});
afterEach(() => { vi.restoreAllMocks(); width = 644; });

const shown = (onOpen = vi.fn()) => renderWith(<TimeChart analysis={analysis} file="posts.csv" unavailable={undefined} selected={null} onOpen={onOpen} />);
const rect = (name: string) => {
  const mark = screen.getByRole('button', { name }).querySelector('rect');
  return Object.fromEntries(['x', 'y', 'width', 'height'].map((one) => [one, Number(mark?.getAttribute(one))])) as Record<'x' | 'y' | 'width' | 'height', number>;
};

it('stacks what a day has, each as tall as it has posts, on one zero', () => {
  shown();
  // 300 pixels for 12 posts, of which one pixel parts two marks.
  const negative = rect('Negative, Sun, 27 Oct 2024: 4 posts'), neutral = rect('Neutral, Sun, 27 Oct 2024: 2 posts'), positive = rect('Positive, Sun, 27 Oct 2024: 6 posts');
  expect([negative.height, neutral.height, positive.height]).toEqual([99, 49, 149]);
  expect([negative.y, neutral.y, positive.y]).toEqual([224, 174, 24]);
  expect(negative.y + negative.height + 1).toBe(324);
  expect(new Set([negative.x, neutral.x, positive.x]).size).toBe(1);
  expect(rect('Neutral, Mon, 14 Oct 2024: 2 posts').y + 50).toBe(324);
});

it('has no mark where there is no post, and opens the posts of a day at a press', async () => {
  const open = vi.fn();
  shown(open);
  expect(screen.queryByRole('button', { name: /^Negative, Mon, 14 Oct/ })).toBeNull();
  await userEvent.click(screen.getByRole('button', { name: /^Negative, Tue, 15 Oct/ }));
  expect(open).toHaveBeenCalledWith({ from: points[1]?.from, to: points[2]?.from, sentiment: 'negative' });
});

it('fills the height with every day’s shares', async () => {
  shown();
  await userEvent.click(screen.getByRole('button', { name: 'Share' }));
  expect(rect('Neutral, Mon, 14 Oct 2024: 2 posts').height).toBe(299);
  expect(screen.getByText('100%')).toBeInTheDocument();
});

it('names as few days as there is room for', () => {
  const dates = () => screen.getAllByText(/^\d+ Oct$/).map(({ textContent }) => textContent);
  const { unmount } = shown();
  expect(dates()).toEqual(['14 Oct', '21 Oct']);
  unmount();
  width = 130;
  shown();
  expect(dates()).toEqual(['14 Oct']);
});

it('tells the figures of the day under the pointer', async () => {
  shown();
  await userEvent.hover(screen.getByRole('button', { name: /^Positive, Sun, 27 Oct/ }));
  await userEvent.pointer({ target: screen.getByRole('button', { name: /^Positive, Sun, 27 Oct/ }), coords: { clientX: 640, clientY: 100 } });
  expect(screen.getByText('Sun, 27 Oct 2024')).toBeVisible();
});
