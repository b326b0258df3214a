import type { TaskEvent } from './api/generated';

type Listener = (events: readonly TaskEvent[]) => void;

const listeners = new Map<string, Set<Listener>>();

/** Hands what the stream of all tasks brought of one task to whoever shows that task. */
export function publishEvents(task: string, events: readonly TaskEvent[]) {
  listeners.get(task)?.forEach((listener) => listener(events));
}

/** Listens to the events of a task; gives back what ends it. */
export function listenToTask(task: string, listener: Listener): () => void {
  const all = listeners.get(task) ?? new Set();
  listeners.set(task, all.add(listener));
  return () => { all.delete(listener); if (all.size === 0) listeners.delete(task); };
}
