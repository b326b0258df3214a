import { useSyncExternalStore } from 'react';
import type { ResourceFileData } from './api/generated';
import { uploadFile } from './api/upload';

export type UploadState = 'waiting' | 'sending' | 'reading' | 'ready' | 'failed';

export interface Upload {
  id: number;
  file: File;
  state: UploadState;
  sent: number;
  /** Bytes a second over the last moments; null until there is something to tell. */
  speed: number | null;
  dataset: ResourceFileData | null;
  problem: unknown;
}

const SPEED_OVER = 3000; // ms

/** Uploads outlive the page that began them; they go one after another, so that each is done as early as it can be. */
let uploads: readonly Upload[] = [];
let nextId = 1;
const listeners = new Set<() => void>();
const controllers = new Map<number, AbortController>();

function change(id: number, part: Partial<Upload>) {
  uploads = uploads.map((upload) => (upload.id === id ? { ...upload, ...part } : upload));
  listeners.forEach((listener) => listener());
}

async function run(upload: Upload) {
  const controller = new AbortController();
  controllers.set(upload.id, controller);
  const samples: { at: number; sent: number }[] = [{ at: performance.now(), sent: 0 }];
  change(upload.id, { state: 'sending', problem: null, sent: 0, speed: null });
  try {
    const dataset = await uploadFile(upload.file, ({ sent, total }) => {
      const at = performance.now();
      samples.push({ at, sent });
      while (samples.length > 2 && at - (samples[0]?.at ?? at) > SPEED_OVER) samples.shift();
      const first = samples[0], passed = first ? (at - first.at) / 1000 : 0;
      change(upload.id, { sent: Math.min(sent, upload.file.size), speed: first && passed > 0.2 ? (sent - first.sent) / passed : null, state: sent >= total ? 'reading' : 'sending' });
    }, controller.signal);
    change(upload.id, { state: 'ready', dataset, sent: upload.file.size });
  } catch (problem) {
    if (!controller.signal.aborted) change(upload.id, { state: 'failed', problem });
  } finally {
    controllers.delete(upload.id);
    next();
  }
}

function next() {
  if (controllers.size > 0) return;
  const waiting = uploads.find(({ state }) => state === 'waiting');
  if (waiting) void run(waiting);
}

export const uploadQueue = {
  add(files: Iterable<File>): number | undefined {
    const added = [...files].map((file): Upload => ({ id: nextId++, file, state: 'waiting', sent: 0, speed: null, dataset: null, problem: null }));
    uploads = [...uploads, ...added];
    listeners.forEach((listener) => listener());
    next();
    return added[0]?.id;
  },
  again(id: number) {
    change(id, { state: 'waiting' });
    next();
  },
  /** Takes it off the list; one that is being sent is broken off. */
  remove(id: number) {
    uploads = uploads.filter((upload) => upload.id !== id);
    listeners.forEach((listener) => listener());
    controllers.get(id)?.abort();
  },
  keep(id: number, dataset: ResourceFileData) {
    change(id, { dataset });
  },
};

const none: readonly Upload[] = [];
const subscribe = (listener: () => void) => { listeners.add(listener); return () => listeners.delete(listener); };

export function useUploads(): readonly Upload[] {
  return useSyncExternalStore(subscribe, () => uploads, () => none);
}
