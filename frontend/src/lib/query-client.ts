import { QueryCache, QueryClient } from '@tanstack/react-query';
import { getMeQueryKey } from './api/generated/@tanstack/react-query.gen';
import { ApiProblem } from './api/problem';
import { lookAtPlatform } from './platform';

export function makeQueryClient(): QueryClient {
  const queries: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        if (error instanceof ApiProblem && error.code === 'maintenance') void lookAtPlatform();
        // A session that ended meanwhile: asking who the caller is leads to the door.
        if (error instanceof ApiProblem && error.status === 401 && JSON.stringify(query.queryKey) !== JSON.stringify(getMeQueryKey())) void queries.invalidateQueries({ queryKey: getMeQueryKey() });
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        retry: (count, error) => count < 2 && error instanceof ApiProblem && (error.status === 0 || error.status >= 502),
        retryDelay: (count) => Math.min(1000 * 2 ** count, 8000),
      },
    },
  });
  return queries;
}
