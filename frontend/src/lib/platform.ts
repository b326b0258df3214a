import { useSyncExternalStore } from 'react';
import type { PublicSettings } from './api/generated';

const KEPT = 'platform';
const LOOK_AGAIN = { usually: 60_000, maintenance: 15_000 }; // ms

/** Until the server told: what a platform is at its first start. */
const USUAL: PublicSettings = { appName: 'Dallosh Analysis', appDescription: '', isMaintenance: false, registration: 'open' };

let platform = USUAL;
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

export function setPlatform(next: PublicSettings) {
  if (JSON.stringify(next) === JSON.stringify(platform)) return;
  platform = next;
  localStorage.setItem(KEPT, JSON.stringify(next));
  listeners.forEach((listener) => listener());
}

/** Asks what the platform is called, and whether it is worked on. Without an answer what is known stays. */
export async function lookAtPlatform() {
  clearTimeout(timer);
  try {
    const answer = await fetch('/v1/settings/public');
    if (answer.ok) setPlatform((await answer.json()) as PublicSettings);
  } catch { /* asked again below */ }
  clearTimeout(timer);
  if (listeners.size > 0) timer = setTimeout(() => void (document.hidden ? undefined : lookAtPlatform()), platform.isMaintenance ? LOOK_AGAIN.maintenance : LOOK_AGAIN.usually);
}

const onVisible = () => { if (!document.hidden) void lookAtPlatform(); };

function kept(): PublicSettings {
  try {
    return { ...USUAL, ...(JSON.parse(localStorage.getItem(KEPT) ?? '{}') as Partial<PublicSettings>) };
  } catch {
    return USUAL;
  }
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  if (listeners.size === 1) {
    // The name of the last visit, so that it doesn't change before one's eyes.
    if (platform === USUAL) setPlatform(kept());
    document.addEventListener('visibilitychange', onVisible);
    void lookAtPlatform();
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', onVisible);
  };
}

/** What everybody may know of the settings. */
export const usePlatform = () => useSyncExternalStore(subscribe, () => platform, () => USUAL);

/** Gives the page its title in the browser. */
export const titleOf = (page: string, { appName }: PublicSettings) => `${page} · ${appName}`;
