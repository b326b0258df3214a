import type { QueryClient } from '@tanstack/react-query';
import type { Counts, Progress, ResourceTaskData, Spend, TaskError, TaskEvent, TaskStatus, Waiting } from './api/generated';
import { getTaskQueryKey } from './api/generated/@tanstack/react-query.gen';
import { keepTask, knownTask, readingsOf } from './task-queries';

/** What an event carries of its task. */
export interface EventData {
  status?: TaskStatus;
  progress?: Progress;
  usage?: Spend;
  counts?: Counts;
  model?: string | null;
  models_used?: string[];
  error?: TaskError | null;
  waiting?: Waiting | null;
  pause_reason?: string | null;
  warnings?: string[];
}

export const dataOf = (event: TaskEvent): EventData => (typeof event.data === 'object' && event.data !== null ? event.data : {});

const isNewer = (event: TaskEvent, task: ResourceTaskData | undefined) => !task || Date.parse(event.at) > Date.parse(task.updatedAt);

/**
 * Writes what events of one task say into the cache, wherever the task is shown. A new status brings other actions,
 * which only the task itself knows: then it is read again. Alone and in the list it is read again by what each says itself: one
 * may be older than the other.
 */
export function applyEvents(queries: QueryClient, id: string, events: readonly TaskEvent[]) {
  const { alone, listed } = readingsOf(queries, id), task = knownTask(queries, id), newest = events.at(-1);
  if (task && newest && isNewer(newest, task)) {
    const { progress, usage, counts, models_used, waiting } = dataOf(newest);
    keepTask(queries, { ...task, data: { ...task.data, ...(progress && { progress }), ...(usage && { usage }), ...(counts && { counts }), ...(models_used && { models_used }), waiting: waiting ?? null } });
  }
  const statuses = events.filter((event) => event.event !== 'progress');
  if (statuses.some((event) => isNewer(event, alone))) void queries.invalidateQueries({ queryKey: getTaskQueryKey({ path: { task_id: id } }) });
  if (statuses.some((event) => isNewer(event, listed))) void queries.invalidateQueries({ queryKey: [{ _id: 'listTasks' }] });
  if (statuses.some(({ event }) => event === 'done')) for (const name of ['getOverview', 'listFiles', 'getFile']) void queries.invalidateQueries({ queryKey: [{ _id: name }] });
}
