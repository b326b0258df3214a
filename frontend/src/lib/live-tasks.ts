import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { TaskEvent } from './api/generated';
import { follow } from './api/sse';
import { setLive } from './live';
import { publishEvents } from './live-events';
import { usePermission } from './session';
import { applyEvents } from './task-events';

const FLUSH = 100; // ms: what comes together is drawn together

/** Follows every task that the caller may see, once a tab, and keeps the cache as the events say. */
export function useLiveTasks() {
  const queries = useQueryClient();
  const mayRead = usePermission('read_tasks');
  useEffect(() => {
    if (!mayRead) return undefined;
    const controller = new AbortController();
    let batch = new Map<string, TaskEvent[]>(), timer: ReturnType<typeof setTimeout> | null = null, first = true;
    const flush = () => {
      timer = null;
      const fresh = batch;
      batch = new Map();
      fresh.forEach((events, id) => { applyEvents(queries, id, events); publishEvents(id, events); });
    };
    void follow({
      url: '/v1/events',
      signal: controller.signal,
      onState: (state) => {
        setLive(state === 'live');
        // What happened between reading the lists and the beginning of the stream is in neither.
        if (state === 'live' && first) { first = false; void queries.invalidateQueries({ queryKey: [{ _id: 'listTasks' }], predicate: ({ state: { data } }) => data !== undefined }); }
      },
      onEvent: ({ data }) => {
        const event = JSON.parse(data) as TaskEvent;
        batch.set(event.task_id, [...(batch.get(event.task_id) ?? []), event]);
        timer ??= setTimeout(flush, FLUSH);
      },
    });
    return () => {
      controller.abort();
      if (timer) clearTimeout(timer);
      setLive(false);
    };
  }, [mayRead, queries]);
}
