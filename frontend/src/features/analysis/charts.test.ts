import { expect, it } from 'vitest';
import { limitsOf } from './heat-map';
import { countTicks, ticksOf } from './steps';

const days = (count: number) => Array.from({ length: count }, (_, index) => ({ from: new Date(Date.UTC(2024, 9, 14 + index) - 2 * 3_600_000).toISOString() }));

it('ticks Mondays of the dataset’s own zone', () => {
  expect(ticksOf(days(13), 'day', 'Europe/Paris')).toEqual(['2024-10-13T22:00:00.000Z', '2024-10-20T22:00:00.000Z']);
});

it('ticks every step of a short time, and few of a long one', () => {
  expect(ticksOf(days(5), 'day', 'UTC')).toHaveLength(5);
  expect(ticksOf(days(90), 'hour', 'UTC').length).toBeLessThanOrEqual(9);
});

it('counts in round numbers, from zero to no less than the most', () => {
  expect(countTicks(2433)).toEqual([0, 1000, 2000, 3000]);
  expect(countTicks(241)).toEqual([0, 100, 200, 300]);
  expect(countTicks(115)).toEqual([0, 40, 80, 120]);
  expect(countTicks(5)).toEqual([0, 2, 4, 6]);
  expect(countTicks(2)).toEqual([0, 1, 2]);
  expect(countTicks(0)).toEqual([0, 1]);
});

it('splits the heat into steps up to the most', () => {
  expect(limitsOf(18)).toEqual([0, 4, 8, 12, 16, 20]);
  expect(limitsOf(0)).toEqual([0, 1, 2, 3, 4, 5]);
});
