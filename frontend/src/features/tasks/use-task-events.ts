import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { isActive } from '@/components/task-status';
import type { ResourceTaskData, TaskEvent } from '@/lib/api/generated';
import { getTaskQueryKey } from '@/lib/api/generated/@tanstack/react-query.gen';
import { follow, type LiveState } from '@/lib/api/sse';
import { applyEvents } from '@/lib/task-events';

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
    let batch: TaskEvent[] = [], timer: ReturnType<typeof setTimeout> | null = null, last = '';

    const flush = () => {
      timer = null;
      const fresh = batch;
      batch = [];
      setEvents((before) => [...before, ...fresh.filter(({ seq }) => seq > (before.at(-1)?.seq ?? 0))]);
      applyEvents(queries, id, fresh);
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
        if (event.event !== 'progress') last = event.event;
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
