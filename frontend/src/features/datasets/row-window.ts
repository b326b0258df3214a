/** Pixels that every browser draws; a list of more rows is scrolled by a shorter bar. */
export const TALLEST = 12_000_000;

/** A list of rows of one height in a window. */
export interface Extent { rows: number; rowHeight: number; view: number }

/** Where the window is: pixels from the first row, and from the top of the bar. They differ only in a list that is too tall. */
export interface Place { offset: number; bar: number }

export const barHeight = ({ rows, rowHeight }: Extent) => Math.min(rows * rowHeight, TALLEST);

const clamp = (value: number, max: number) => Math.min(Math.max(value, 0), max);
const furthest = (extent: Extent) => Math.max(0, extent.rows * extent.rowHeight - extent.view);
const barFurthest = (extent: Extent) => Math.max(0, barHeight(extent) - extent.view);

/** The place of an offset, with the bar where it belongs. */
export function placeAt(offset: number, extent: Extent): Place {
  const end = furthest(extent), at = clamp(offset, end);
  return { offset: at, bar: end === 0 ? 0 : (at / end) * barFurthest(extent) };
}

/** The place after the bar went to `bar`: a step moves the rows by as much, a leap to the same share of all rows. */
export function scrolled(before: Place, bar: number, extent: Extent): Place {
  const end = furthest(extent), barEnd = barFurthest(extent);
  if (end === barEnd) return { offset: clamp(bar, end), bar };
  if (bar <= 0) return { offset: 0, bar };
  if (bar >= barEnd - 1) return { offset: end, bar };
  const step = bar - before.bar;
  const offset = Math.abs(step) <= extent.view ? before.offset + step : (bar / barEnd) * end;
  return { offset: clamp(offset, end), bar };
}

/** The rows in sight with some more on either side: the first one, and the one behind the last. */
export function inSight({ offset }: Place, { rows, rowHeight, view }: Extent, more: number): [number, number] {
  const first = Math.floor(offset / rowHeight), behind = Math.ceil((offset + view) / rowHeight);
  return [clamp(first - more, rows), clamp(behind + more, rows)];
}

/** Where a key leads; nothing for other keys. */
export function placeAfter(key: string, { offset }: Place, extent: Extent): Place | undefined {
  const { rows, rowHeight, view } = extent;
  const page = Math.max(rowHeight, view - rowHeight);
  const steps: Record<string, number> = { ArrowDown: rowHeight, ArrowUp: -rowHeight, PageDown: page, PageUp: -page, Home: -offset, End: rows * rowHeight };
  const step = steps[key];
  return step === undefined ? undefined : placeAt(offset + step, extent);
}
