import { parseAsIsoDate, parseAsString, parseAsStringLiteral, useQueryState, useQueryStates } from 'nuqs';
import { useCallback } from 'react';
import { SENTIMENTS } from '@/components/labels';

/** The filters of the page as they stand in its address. Days are inclusive at both ends, as people say them. */
export const filterParsers = {
  from: parseAsIsoDate,
  to: parseAsIsoDate,
  sentiment: parseAsStringLiteral(SENTIMENTS),
  priority: parseAsStringLiteral(['0', '1', '2'] as const),
  topic: parseAsString,
  user: parseAsString,
  q: parseAsString,
};

export const useFilters = () => useQueryStates(filterParsers);
export type Filters = ReturnType<typeof useFilters>[0];

/** What the API takes: `to` is exclusive there. Days have no time and no zone; the server reads them in the dataset's. */
export type Query = Partial<Record<(typeof KEYS)[number], string>>;

/** The last four are those of a mark alone: a cell of the week, what became of a post, whether it was answered. */
const KEYS = ['from', 'to', 'sentiment', 'priority', 'topic', 'user', 'q', 'weekday', 'hour', 'outcome', 'answered'] as const;

const DAY = 86_400_000;
export const isoDay = (date: Date) => date.toISOString().slice(0, 10);
export const addDays = (date: Date, days: number) => new Date(date.getTime() + days * DAY);

export function queryOf({ from, to, sentiment, priority, topic, user, q }: Filters): Query {
  return {
    ...(from && { from: isoDay(from) }),
    ...(to && { to: isoDay(addDays(to, 1)) }),
    ...(sentiment && { sentiment }),
    ...(priority && { priority }),
    ...(topic && { topic }),
    ...(user && { user }),
    ...(q && { q }),
  };
}

/** The time of the same length right before; null while the time has no beginning or no end. */
export function periodBefore({ from, to }: Pick<Filters, 'from' | 'to'>): { from: Date; to: Date } | null {
  if (!from || !to || to < from) return null;
  const days = Math.round((to.getTime() - from.getTime()) / DAY) + 1;
  return { from: addDays(from, -days), to: addDays(from, -1) };
}

/** The posts behind a mark: what the mark adds to the filters of the page, in the address too. */
export function usePosts() {
  const [text, setText] = useQueryState('posts', parseAsString.withOptions({ history: 'push' }));
  const open = useCallback((behind: Query) => { void setText(new URLSearchParams(behind).toString() || 'all'); }, [setText]);
  const close = useCallback(() => { void setText(null); }, [setText]);
  return { behind: text === null ? null : readQuery(text), open, close };
}

export function readQuery(text: string): Query {
  const read = new URLSearchParams(text);
  return Object.fromEntries(KEYS.flatMap((key) => { const value = read.get(key); return value ? [[key, value]] : []; }));
}
