import { useQueries, type QueryFunctionContext, type UseQueryResult } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { listFileRows, type FilePreviewColumn, type FileRows, type ListFileRowsData } from '@/lib/api/generated';

/** Rows that are asked for at once. */
export const PAGE = 100;
const AGAIN = 1000; // ms until a page that is not there yet is asked for again
const SETTLED = 80; // ms that the window stays where it is before its rows are asked for
const KEPT = 60_000; // ms

type Row = FileRows['rows'][number];
export type RowsOf = Pick<NonNullable<ListFileRowsData['query']>, 'stage' | 'only'>;

export interface Rows {
  columns: FilePreviewColumn[] | undefined;
  /** Of the rows that were looked at. */
  first: Row[];
  total: number;
  /** Whether there may be more than `total`. */
  isCounting: boolean;
  at: (index: number) => Row | undefined;
  problemAt: (index: number) => Error | undefined;
  retry: (index: number) => void;
}

/** A page of rows, asked for until it is whole; null while the server still finds out where it lies. */
export async function fetchPage(id: string, of: RowsOf, page: number, signal: AbortSignal): Promise<FileRows | null> {
  let whole: FileRows | undefined;
  for (;;) {
    const had = whole?.rows.length ?? 0;
    const query = { ...of, offset: page * PAGE + had, limit: PAGE - had };
    const answer = (await listFileRows({ path: { id }, query, signal, throwOnError: true })).data;
    if (!('rows' in answer)) return null;
    whole = whole ? { ...answer, offset: whole.offset, rows: [...whole.rows, ...answer.rows] } : answer;
    if (!answer.truncated || answer.rows.length === 0) return whole;
  }
}

/** The pages that hold these rows. */
export function pagesOf([first, behind]: readonly [number, number]): number[] {
  const from = Math.floor(first / PAGE), until = Math.max(from + 1, Math.ceil(behind / PAGE));
  return Array.from({ length: until - from }, (_, at) => from + at);
}

/** What stays the same for a moment; at once when there was nothing before. */
function useSettled<T extends readonly unknown[]>(value: T): T {
  const [settled, setSettled] = useState(value);
  const now = value.join();
  useEffect(() => {
    const timer = setTimeout(() => setSettled((before) => (before.join() === now ? before : value)), SETTLED);
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- equal values are one value
  }, [now]);
  return settled;
}

/** The rows of a dataset, of which those in `window` are asked for as they come into sight, and what passed by is not. */
export function useRows(id: string, { stage, only }: RowsOf, window: readonly [number, number], known?: number): Rows {
  const settled = useSettled(window);
  const pages = useMemo(() => [...new Set([0, ...pagesOf(settled)])], [settled]);
  const results = useQueries({
    queries: pages.map((page) => ({
      queryKey: ['rows', id, stage, only, page],
      queryFn: ({ signal }: QueryFunctionContext) => fetchPage(id, { stage, only }, page, signal),
      refetchInterval: ({ state }: { state: { data: FileRows | null | undefined } }) => (state.data === null || (page === 0 && known === undefined && state.data?.total_rows === null) ? AGAIN : false),
      staleTime: KEPT,
    })),
  });
  const byPage = new Map<number, UseQueryResult<FileRows | null>>(pages.map((page, at) => [page, results[at] as UseQueryResult<FileRows | null>]));
  const resultAt = (index: number) => byPage.get(Math.floor(index / PAGE));
  const first = byPage.get(0)?.data;
  const counted = first?.total_rows ?? known;
  return {
    columns: first?.columns,
    first: first?.rows ?? [],
    total: counted ?? first?.rows.length ?? 0,
    isCounting: counted === undefined,
    at: (index) => resultAt(index)?.data?.rows[index % PAGE],
    problemAt: (index) => resultAt(index)?.error ?? undefined,
    retry: (index) => void resultAt(index)?.refetch(),
  };
}
