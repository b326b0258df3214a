import { parseAsIsoDateTime, parseAsString, parseAsStringLiteral, useQueryStates, type inferParserType } from 'nuqs';
import type { ListLogsData } from '@/lib/api/generated';

/** The method of what an operator did from the terminal. */
export const OPERATOR = 'OPERATOR';
export const METHODS = ['POST', 'PATCH', 'PUT', 'DELETE', 'GET', OPERATOR] as const;
/** Classes, and the refusals that are looked for most. */
export const STATUSES = ['2xx', '4xx', '5xx', '401', '403', '404', '409', '429'] as const;

const parsers = { method: parseAsStringLiteral(METHODS), path: parseAsString, user: parseAsString, status: parseAsString, from: parseAsIsoDateTime, to: parseAsIsoDateTime, q: parseAsString };
export type LogFilters = inferParserType<typeof parsers>;

export const useLogFilters = () => useQueryStates(parsers);

/** As the API takes them; what is not set is left out. */
export function queryOf({ from, to, ...texts }: LogFilters): NonNullable<ListLogsData['query']> {
  return {
    ...Object.fromEntries(Object.entries(texts).filter(([, value]) => value)),
    ...(from ? { from: from.toISOString() } : {}),
    ...(to ? { to: to.toISOString() } : {}),
  };
}

/** Where all entries that the filters take are to be had as a file. */
export const exportOf = (filters: LogFilters, format: 'csv' | 'jsonl') => `/v1/logs/export?${new URLSearchParams({ format, ...(queryOf(filters) as Record<string, string>) }).toString()}`;

/** What an input of a local day and time holds. */
export const localOf = (time: Date | null) => (time ? new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : '');
