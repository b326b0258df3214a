import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { renderHook, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, expect, it, vi } from 'vitest';
import { listFileRows } from '@/lib/api/generated';
import { fetchPage, PAGE, pagesOf, useRows } from './use-rows';

vi.mock('@/lib/api/generated', () => ({ listFileRows: vi.fn() }));
afterEach(() => vi.clearAllMocks());

const asked = vi.mocked(listFileRows);
const TOTAL = 5_000_000;
const columns = [{ name: 'id', type: 'integer' }];
const rows = (offset: number, count: number) => Array.from({ length: count }, (_, at) => ({ id: String(offset + at) }));

/** Answers with the rows that are asked for, at most `most` at once. */
function serve(most = PAGE) {
  asked.mockImplementation((({ query: { offset, limit } }: { query: { offset: number; limit: number } }) => {
    const count = Math.min(limit, most, TOTAL - offset);
    return Promise.resolve({ data: { columns, rows: rows(offset, count), offset, total_rows: TOTAL, truncated: count < limit } });
  }) as unknown as typeof listFileRows);
}

function hook(first: number) {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const wrapper = ({ children }: { children: ReactNode }) => <QueryClientProvider client={queries}>{children}</QueryClientProvider>;
  return renderHook(({ first }) => useRows('f', { stage: 'original' }, [first, first + 40]), { initialProps: { first }, wrapper });
}

it('asks for the pages that hold the rows in sight', () => {
  expect(pagesOf([0, 32])).toEqual([0]);
  expect(pagesOf([90, 130])).toEqual([0, 1]);
  expect(pagesOf([100, 200])).toEqual([1]);
  expect(pagesOf([4_999_980, 5_000_000])).toEqual([49_999]);
});

it('asks on until a page is whole when its rows are too large to come at once', async () => {
  serve(30);
  const page = await fetchPage('f', { stage: 'cleaned' }, 2, new AbortController().signal);
  expect(page?.rows.map(({ id }) => id)).toEqual(rows(200, PAGE).map(({ id }) => id));
  expect(asked.mock.calls.map(([options]) => options.query?.offset)).toEqual([200, 230, 260, 290]);
});

it('has any of five million rows, and never asks for those that pass by', async () => {
  serve();
  const { result, rerender } = hook(0);
  await waitFor(() => expect(result.current.at(0)).toEqual({ id: '0' }));
  expect([result.current.total, result.current.isCounting]).toEqual([TOTAL, false]);
  for (const first of [1_000_000, 2_000_000, 4_999_960]) rerender({ first });
  await waitFor(() => expect(result.current.at(4_999_999)).toEqual({ id: '4999999' }));
  expect(asked.mock.calls.map(([options]) => options.query?.offset)).toEqual([0, 4_999_900]);
  expect(result.current.at(2_000_000)).toBeUndefined();
});

it('gives up a page that is scrolled past before it came', async () => {
  serve();
  const { result, rerender } = hook(0);
  await waitFor(() => expect(result.current.total).toBe(TOTAL));
  const signals: AbortSignal[] = [];
  asked.mockImplementation((({ signal }: { signal: AbortSignal }) => { signals.push(signal); return new Promise(() => {}); }) as unknown as typeof listFileRows);
  rerender({ first: 700_000 });
  await waitFor(() => expect(signals).toHaveLength(1));
  rerender({ first: 10 });
  await waitFor(() => expect(signals[0]?.aborted).toBe(true));
});

it('tells what went wrong with a page, and asks for it again when told to', async () => {
  asked.mockRejectedValueOnce(new Error('away'));
  const { result } = hook(0);
  await waitFor(() => expect(result.current.problemAt(50)?.message).toBe('away'));
  serve();
  result.current.retry(50);
  await waitFor(() => expect(result.current.at(39)).toEqual({ id: '39' }));
});

it('asks again while the server finds out where a row lies', async () => {
  asked.mockResolvedValueOnce({ data: { status: 'running', bytes_done: 1, bytes_total: 2 } } as never);
  const { result } = hook(0);
  serve();
  await waitFor(() => expect(result.current.at(0)).toEqual({ id: '0' }), { timeout: 5000 });
});
