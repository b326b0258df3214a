import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { client } from '@/lib/api/client';
import type { Query } from './filters';
import type { Analysis, AnalysisPosts } from './types';

const get = async <T>(url: string, query: Record<string, string>, signal: AbortSignal) => (await client.get<{ 200: T }, unknown, true>({ url, query, signal, throwOnError: true })).data as T;

/** Every figure and series in one answer. */
export function useAnalysis(file: string | undefined, query: Query | null) {
  return useQuery({
    queryKey: ['analysis', file, query],
    queryFn: ({ signal }) => get<Analysis>(`/v1/analysis/${file}`, { ...query }, signal),
    enabled: Boolean(file) && query !== null,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
}

export type PostSort = '-critical' | '-created_at' | '-engagement';

export function usePostPages(file: string, query: Query, sort: PostSort) {
  return useInfiniteQuery({
    queryKey: ['analysis posts', file, query, sort],
    queryFn: ({ pageParam, signal }) => get<AnalysisPosts>(`/v1/analysis/${file}/posts`, { ...query, sort, limit: '50', ...(pageParam ? { cursor: pageParam } : {}) }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
}
