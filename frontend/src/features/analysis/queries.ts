import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getAnalysis, listAnalysisPosts } from '@/lib/api/generated';
import type { Query } from './filters';

/** Every figure and series in one answer. */
export function useAnalysis(file: string | undefined, query: Query | null) {
  return useQuery({
    queryKey: ['analysis', file, query],
    queryFn: async ({ signal }) => (await getAnalysis({ path: { file_id: file ?? '' }, query: query ?? {}, signal, throwOnError: true })).data,
    enabled: Boolean(file) && query !== null,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
}

export type PostSort = '-critical' | '-created_at' | '-engagement';

export function usePostPages(file: string, query: Query, sort: PostSort) {
  return useInfiniteQuery({
    queryKey: ['analysis posts', file, query, sort],
    queryFn: async ({ pageParam, signal }) => (await listAnalysisPosts({ path: { file_id: file }, query: { ...query, sort, limit: 50, ...(pageParam ? { cursor: pageParam } : {}) }, signal, throwOnError: true })).data,
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });
}
