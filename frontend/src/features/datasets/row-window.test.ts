import { describe, expect, it } from 'vitest';
import { barHeight, inSight, placeAfter, placeAt, scrolled, TALLEST, type Extent, type Place } from './row-window';

const few: Extent = { rows: 1_000, rowHeight: 32, view: 640 };
const many: Extent = { rows: 5_000_000, rowHeight: 32, view: 640 };
const top: Place = { offset: 0, bar: 0 };

describe('a list that browsers draw as it is', () => {
  it('is scrolled by its bar, pixel by pixel', () => {
    expect(barHeight(few)).toBe(32_000);
    expect(scrolled(top, 320, few)).toEqual({ offset: 320, bar: 320 });
    expect(scrolled(top, 31_360, few).offset).toBe(31_360);
    expect(inSight(scrolled(top, 320, few), few, 0)).toEqual([10, 30]);
  });
});

describe('a list of five million rows', () => {
  it('is never taller than browsers draw', () => {
    expect(barHeight(many)).toBe(TALLEST);
  });

  it('moves by as much as a wheel or a finger does', () => {
    let place = placeAt(2_000_000 * 32, many);
    for (let step = 0; step < 10; step++) place = scrolled(place, place.bar + 32, many);
    expect(place.offset).toBeCloseTo(2_000_010 * 32, 3);
  });

  it('leaps with the bar to the same share of all rows, and to the very first and last', () => {
    const [first] = inSight(scrolled(top, (TALLEST - 640) / 2, many), many, 0);
    expect(first).toBe(2_499_990);
    expect(inSight(scrolled(top, TALLEST - 640, many), many, 0)).toEqual([4_999_980, 5_000_000]);
    expect(inSight(scrolled(placeAt(1e8, many), 0, many), many, 0)[0]).toBe(0);
  });

  it('puts the bar where it belongs, so that nothing moves when it is taken there', () => {
    const place = scrolled(placeAt(64_000_000, many), placeAt(64_000_000, many).bar + 600, many);
    const settled = placeAt(place.offset, many);
    expect(settled.offset).toBe(place.offset);
    expect(scrolled(settled, settled.bar, many)).toEqual(settled);
  });
});

it('goes by a row, a page, and to either end with the keyboard, and no further', () => {
  const rowAfter = (key: string, from: number) => (placeAfter(key, placeAt(from * 32, many), many)?.offset ?? NaN) / 32;
  expect(rowAfter('ArrowDown', 7)).toBe(8);
  expect(rowAfter('ArrowUp', 0)).toBe(0);
  expect(rowAfter('PageDown', 7)).toBe(26);
  expect(rowAfter('PageUp', 26)).toBe(7);
  expect(rowAfter('Home', 3_000_000)).toBe(0);
  expect(rowAfter('End', 3)).toBe(4_999_980);
  expect(rowAfter('PageDown', 4_999_980)).toBe(4_999_980);
  expect(placeAfter('a', top, many)).toBeUndefined();
});

it('shows every row of a list that is shorter than its window', () => {
  const short: Extent = { rows: 3, rowHeight: 32, view: 640 };
  expect(inSight(placeAt(500, short), short, 12)).toEqual([0, 3]);
  expect(inSight(placeAt(0, { ...short, rows: 0 }), { ...short, rows: 0 }, 12)).toEqual([0, 0]);
});
