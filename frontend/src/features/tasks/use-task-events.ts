import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { isActive } from '@/components/task-status';
import { listTaskEvents, type ResourceTaskData, type TaskEvent } from '@/lib/api/generated';
import { ApiProblem } from '@/lib/api/problem';
import { useIsLive } from '@/lib/live';
import { listenToTask } from '@/lib/live-events';

const FINAL = new Set<string>(['done', 'stopped', 'on_error']);
const LOOK_AGAIN = 3000; // ms, while there is no stream
const PAGE = 200;

export type LogState = 'connecting' | 'live' | 'reconnecting' | 'ended' | 'refused';

/** What happened so far, and where its last page began. */
interface History { events: TaskEvent[]; cursor: string | undefined }

/** Both, in their order, each once. */
export function mergeEvents(known: TaskEvent[], fresh: readonly TaskEvent[]): TaskEvent[] {
  const last = known.at(-1)?.seq ?? 0;
  const newer = fresh.filter(({ seq }) => seq > last);
  if (newer.length === fresh.length) return newer.length ? [...known, ...newer] : known;
  return [...new Map([...known, ...fresh].map((event) => [event.seq, event])).values()].sort((a, b) => a.seq - b.seq);
}

/**
 * Follows a task: its history once, then what the stream of all tasks brings of it, so that a page holds one stream. What
 * the stream left out is read again.
 */
export function useTaskEvents(task: ResourceTaskData): { events: TaskEvent[]; state: LogState } {
  const id = task.uid;
  const queries = useQueryClient();
  const live = useIsLive();
  const history = useQuery({
    queryKey: ['task history', id],
    queryFn: async ({ signal, queryKey }): Promise<History> => {
      const known = queries.getQueryData<History>(queryKey);
      let events = known?.events ?? [], cursor = known?.cursor;
      for (;;) {
        const { data } = await listTaskEvents({ path: { task_id: id }, query: { limit: PAGE, ...(cursor ? { cursor } : {}) }, signal, throwOnError: true });
        events = mergeEvents(events, data.items);
        if (!data.next_cursor) break;
        cursor = data.next_cursor;
      }
      return { events: mergeEvents(events, queries.getQueryData<History>(queryKey)?.events ?? []), cursor };
    },
    staleTime: Infinity,
    refetchInterval: !live && isActive(task.data) ? LOOK_AGAIN : false,
  });
  const events = history.data?.events ?? NONE;

  useEffect(() => {
    const key = ['task history', id];
    // What happened before the stream began, or began again, is in the history alone.
    if (live) void queries.invalidateQueries({ queryKey: key });
    return listenToTask(id, (fresh) => {
      const known = queries.getQueryData<History>(key);
      if (!known) return;
      const last = known.events.at(-1)?.seq ?? 0, next = fresh.find(({ seq }) => seq > last);
      if (next && next.seq > last + 1) void queries.invalidateQueries({ queryKey: key });
      else queries.setQueryData<History>(key, { ...known, events: mergeEvents(known.events, fresh) });
    });
  }, [id, live, queries]);

  // The stream is about a second behind; whoever sees the task at its end sees the whole log.
  const last = events.findLast(({ event }) => event !== 'progress')?.event;
  const behind = FINAL.has(task.data.status) && history.data !== undefined && last !== task.data.status;
  useEffect(() => { if (behind) void queries.invalidateQueries({ queryKey: ['task history', id] }); }, [behind, id, queries]);

  const [wasLive, setWasLive] = useState(live);
  if (live && !wasLive) setWasLive(true);
  const over = FINAL.has(task.data.status) && last === task.data.status;
  const refused = history.error instanceof ApiProblem && history.error.status < 500 && history.error.status >= 400;
  return { events, state: over ? 'ended' : refused ? 'refused' : live && history.data ? 'live' : wasLive && !live ? 'reconnecting' : 'connecting' };
}

const NONE: TaskEvent[] = [];
