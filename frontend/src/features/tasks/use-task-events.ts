import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { isActive } from '@/components/task-status';
import type { ResourceTaskData, TaskEvent } from '@/lib/api/generated';
import { getTaskQueryKey } from '@/lib/api/generated/@tanstack/react-query.gen';
import { follow, type LiveState } from '@/lib/api/sse';
import { keepTask } from '@/lib/task-queries';
import { dataOf } from './task-log';

const FINAL = new Set(['done', 'stopped', 'on_error']);
const FLUSH = 80; // ms: a replay of thousands of events is drawn in a few steps

/** Follows a task: its events from the first on, and the task in the cache kept as they say. */
export function useTaskEvents(task: ResourceTaskData) {
  const id = task.uid;
  const queries = useQueryClient();
  const [events, setEvents] = useState<TaskEvent[]>([]);
  const [state, setState] = useState<LiveState>('connecting');
  const [run, setRun] = useState(0);
  const seen = useRef<string | null>(null);

  // The stream ends with the run. Another run of the same task is followed from where the one before ended.
  const ended = events.at(-1);
  if (state === 'ended' && isActive(task.data) && ended && Date.parse(task.updatedAt) > Date.parse(ended.at)) {
    setState('connecting');
    setRun(run + 1);
  }

  useEffect(() => {
    const controller = new AbortController();
    const key = getTaskQueryKey({ path: { task_id: id } });
    let batch: TaskEvent[] = [], timer: ReturnType<typeof setTimeout> | null = null, last = '', stale = false;

    const flush = () => {
      timer = null;
      const task = queries.getQueryData<ResourceTaskData>(key);
      const fresh = batch, newest = fresh.at(-1);
      batch = [];
      setEvents((before) => [...before, ...fresh.filter(({ seq }) => seq > (before.at(-1)?.seq ?? 0))]);
      if (task && newest && Date.parse(newest.at) > Date.parse(task.updatedAt)) {
        const { progress, usage, counts, models_used, waiting } = dataOf(newest);
        keepTask(queries, { ...task, data: { ...task.data, ...(progress && { progress }), ...(usage && { usage }), ...(counts && { counts }), ...(models_used && { models_used }), waiting: waiting ?? null } });
      }
      // A new status brings other actions, and only the task itself knows them.
      if (stale) { stale = false; void queries.invalidateQueries({ queryKey: key }); void queries.invalidateQueries({ queryKey: [{ _id: 'listTasks' }] }); }
    };

    void follow({
      url: `/v1/tasks/${id}/events`,
      signal: controller.signal,
      after: seen.current,
      onState: setState,
      isOver: () => FINAL.has(last) || FINAL.has(queries.getQueryData<ResourceTaskData>(key)?.data.status ?? ''),
      onEvent: ({ id: seq, data }) => {
        seen.current = seq ?? seen.current;
        const event = JSON.parse(data) as TaskEvent;
        if (event.event !== 'progress') {
          last = event.event;
          const task = queries.getQueryData<ResourceTaskData>(key);
          if (!task || Date.parse(event.at) > Date.parse(task.updatedAt)) stale = true;
        }
        batch.push(event);
        timer ??= setTimeout(flush, FLUSH);
      },
    });
    return () => {
      controller.abort();
      if (timer) { clearTimeout(timer); flush(); }
    };
  }, [id, run, queries]);

  return { events, state };
}
