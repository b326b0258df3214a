import { useState } from 'react';
import { useMe } from './session';

/** State that a reload of the page does not lose: kept for the tab, by account. */
export function useKept<T extends object>(name: string, empty: T): [T, (next: T | ((before: T) => T)) => void] {
  const key = `${name} ${useMe().data?.user.uid ?? ''}`;
  const [state, setState] = useState<T>(() => read(key) ?? empty);
  const write = (next: T | ((before: T) => T)) => setState((before) => {
    const value = typeof next === 'function' ? next(before) : next;
    if (Object.keys(value).length > 0) sessionStorage.setItem(key, JSON.stringify(value)); else sessionStorage.removeItem(key);
    return value;
  });
  return [state, write];
}

function read<T>(key: string): T | null {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? 'null') as T | null;
  } catch {
    return null; // before there is a browser, or nothing that was written here
  }
}
