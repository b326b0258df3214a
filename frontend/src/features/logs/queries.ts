import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getLogOptions, listLogsInfiniteOptions, listUsersOptions } from '@/lib/api/generated/@tanstack/react-query.gen';
import { usePermission } from '@/lib/session';
import { queryOf, type LogFilters } from './filters';

export const useLogPages = (filters: LogFilters) => useInfiniteQuery({
  ...listLogsInfiniteOptions({ query: { limit: 100, ...queryOf(filters) } }),
  initialPageParam: {},
  getNextPageParam: (page) => page.next_cursor,
  placeholderData: keepPreviousData,
});

export const useLogEntry = (id: string) => useQuery({ ...getLogOptions({ path: { id } }), staleTime: Infinity });

/** The names of those who are there still, by id. */
export function usePeople(): Map<string, string> {
  const users = useQuery({ ...listUsersOptions({ query: { limit: 200, sort: 'email' } }), enabled: usePermission('read_users'), staleTime: 60_000 });
  return new Map(users.data?.items.map(({ uid, data }) => [uid, data.name ?? data.email]));
}
