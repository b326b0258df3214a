import { QueryClient } from '@tanstack/react-query';
import { expect, it } from 'vitest';
import type { ListOfResourceTaskData, ResourceTaskData, TaskEvent, TaskStatus } from './api/generated';
import { getTaskQueryKey, listFilesQueryKey, listTasksQueryKey } from './api/generated/@tanstack/react-query.gen';
import { applyEvents } from './task-events';

const at = (second: number) => new Date(second * 1000).toISOString();
const task = (status: TaskStatus, second: number) => ({ uid: 't', updatedAt: at(second), data: { status, progress: {} } }) as unknown as ResourceTaskData;
const progress = (second: number): TaskEvent => ({ seq: second, event: 'progress', at: at(second), task_id: 't', file_id: 'f', data: { progress: { percent: second } } as TaskEvent['data'] });

const event = (name: TaskStatus, second: number): TaskEvent => ({ ...progress(second), event: name, data: { status: name } as TaskEvent['data'] });

const alone = getTaskQueryKey({ path: { task_id: 't' } }), list = listTasksQueryKey({ query: { limit: 200 } }), files = listFilesQueryKey({ query: { limit: 200 } });

it('lets progress change neither back what the list was told nor what the task was told', () => {
  const queries = new QueryClient();
  const listed = () => queries.getQueryData<ListOfResourceTaskData>(list)?.items[0]?.data;
  queries.setQueryData(list, { items: [task('added', 1)], _links: {} });
  applyEvents(queries, 't', [progress(2)]);

  queries.setQueryData(list, { items: [task('sending_to_llm', 3)], _links: {} });
  applyEvents(queries, 't', [progress(4)]);
  expect(listed()).toMatchObject({ status: 'sending_to_llm', progress: { percent: 4 } });

  queries.setQueryData(alone, task('saving_file', 5));
  applyEvents(queries, 't', [progress(6)]);
  expect(listed()).toMatchObject({ status: 'saving_file', progress: { percent: 6 } });
});

function cache(single: ResourceTaskData, listed: ResourceTaskData) {
  const queries = new QueryClient();
  queries.setQueryData(alone, single);
  queries.setQueryData(list, { items: [listed], next_cursor: null });
  queries.setQueryData(files, { items: [], next_cursor: null });
  const readAgain = () => [alone, list, files].filter((key) => queries.getQueryState(key)?.isInvalidated);
  return { queries, readAgain };
}

it('has task, list and datasets read again when a task is done', () => {
  const { queries, readAgain } = cache(task('saving_file', 1), task('saving_file', 1));
  applyEvents(queries, 't', [event('done', 2)]);
  expect(readAgain()).toEqual([alone, list, files]);
});

it('has a list read again that is older than the task beside it', () => {
  const { queries, readAgain } = cache(task('done', 2), task('sending_to_llm', 1));
  applyEvents(queries, 't', [event('done', 2)]);
  expect(readAgain()).toEqual([list, files]);
});

it('reads nothing again for what is known, and shows progress without asking', () => {
  const { queries, readAgain } = cache(task('sending_to_llm', 1), task('sending_to_llm', 1));
  applyEvents(queries, 't', [event('sending_to_llm', 1), progress(2)]);
  expect(readAgain()).toEqual([]);
  expect(queries.getQueryData<ResourceTaskData>(alone)?.data.progress).toEqual({ percent: 2 });
});
