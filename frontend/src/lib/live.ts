import { useSyncExternalStore } from 'react';

let live = false;
const listeners = new Set<() => void>();
const subscribe = (listener: () => void) => { listeners.add(listener); return () => { listeners.delete(listener); }; };

export function setLive(next: boolean) {
  live = next;
  listeners.forEach((listener) => listener());
}

/** Whether lists are kept up by events; while they are not, who shows them looks again by itself. */
export const useIsLive = () => useSyncExternalStore(subscribe, () => live, () => false);
