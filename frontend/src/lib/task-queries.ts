import { keepPreviousData, useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { isActive } from '@/components/task-status';
import { earlyCalls, FILES, TASKS } from './api/early';
import { useIsLive } from './live';
import type { ListOfResourceTaskData, ResourceTaskData } from './api/generated';
import { getFileOptions, getTaskQueryKey, listFilesOptions, listTasksOptions, listTasksQueryKey } from './api/generated/@tanstack/react-query.gen';

/** All that a page of the API holds. */
const ALL = { query: { limit: 200 } } as const;
const WHILE_ACTIVE = 3000;

/** The newest tasks: kept up by events, else looked at again while one of them moves. */
export function useTasks() {
  const live = useIsLive();
  return useQuery({ ...listTasksOptions(ALL), refetchInterval: ({ state }) => (!live && state.data?.items.some((task) => isActive(task.data)) ? WHILE_ACTIVE : false) });
}

/** Takes the lists that were asked for early, so that the page has them as soon as it may be shown. */
export function useEarlyLists() {
  const queries = useQueryClient();
  useEffect(() => {
    const early = earlyCalls();
    if (early.includes(FILES)) void queries.prefetchQuery(listFilesOptions(ALL));
    if (early.includes(TASKS)) void queries.prefetchQuery(listTasksOptions(ALL));
  }, [queries]);
}

export function useFiles(q?: string, sort?: string) {
  return useQuery({ ...listFilesOptions({ query: { limit: 200, ...(q ? { q } : {}), ...(sort ? { sort } : {}) } }), placeholderData: keepPreviousData });
}

/** A dataset by its id: from the list when it is there, else asked for. */
export function useFile(id: string | undefined) {
  const files = useFiles();
  const listed = files.data?.items.find((file) => file.uid === id);
  const alone = useQuery({ ...getFileOptions({ path: { id: id ?? '' } }), enabled: Boolean(id) && files.isFetched && !listed });
  return { file: listed ?? alone.data, error: alone.error, isPending: !listed && (files.isPending || (alone.isPending && alone.fetchStatus !== 'idle')) };
}

/** The task as it was read, alone and in the list. */
export const readingsOf = (queries: QueryClient, id: string) => ({
  alone: queries.getQueryData<ResourceTaskData>(getTaskQueryKey({ path: { task_id: id } })),
  listed: queries.getQueryData<ListOfResourceTaskData>(listTasksQueryKey(ALL))?.items.find(({ uid }) => uid === id),
});

/** The task as it was last changed among its readings. */
export function knownTask(queries: QueryClient, id: string): ResourceTaskData | undefined {
  const { alone, listed } = readingsOf(queries, id);
  if (!alone || !listed) return alone ?? listed;
  return Date.parse(alone.updatedAt) > Date.parse(listed.updatedAt) ? alone : listed;
}

/** Writes a task that an answer or an event brought wherever it is shown. */
export function keepTask(queries: QueryClient, task: ResourceTaskData) {
  queries.setQueryData(getTaskQueryKey({ path: { task_id: task.uid } }), task);
  queries.setQueryData<ListOfResourceTaskData>(listTasksQueryKey(ALL), (list) => list && { ...list, items: list.items.map((one) => (one.uid === task.uid ? task : one)) });
}

export function useForgetLists() {
  const queries = useQueryClient();
  return {
    tasks: () => queries.invalidateQueries({ queryKey: [{ _id: 'listTasks' }] }),
    files: () => queries.invalidateQueries({ queryKey: [{ _id: 'listFiles' }] }),
  };
}
