import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, it, vi } from 'vitest';
import '@/lib/api/client';
import { renderWith } from '@/test-render';
import { Rejects } from './rejects';

afterEach(() => vi.restoreAllMocks());

const page = (from: number, count: number, next_cursor: string | null) => Response.json({ items: Array.from({ length: count }, (_, at) => ({ line: from + at, reason: 'too few cells', raw: `row ${from + at}` })), total: 202, next_cursor });

it('goes on behind the first rows that can’t be read, until all are there', async () => {
  const asked: URL[] = [];
  vi.spyOn(globalThis, 'fetch').mockImplementation((input) => {
    const url = new URL((input as Request).url);
    asked.push(url);
    return Promise.resolve(url.searchParams.has('cursor') ? page(202, 2, null) : page(2, 200, 'behind-200'));
  });
  renderWith(<Rejects id="f" />);
  await userEvent.click(await screen.findByRole('button', { name: 'Show more' }));
  expect(await screen.findByText('row 203')).toBeInTheDocument();
  expect(screen.getByText('row 2')).toBeInTheDocument();
  expect(screen.getByText(/^202 rows/)).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: 'Show more' })).toBeNull();
  expect(asked.map(({ pathname, searchParams }) => [pathname, searchParams.get('limit'), searchParams.get('cursor')])).toEqual([['/v1/files/f/rejects', '200', null], ['/v1/files/f/rejects', '200', 'behind-200']]);
});
