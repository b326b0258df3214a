import { useSyncExternalStore } from 'react';
import type { ResourceFileData } from './api/generated';
import { sendFile, type Sending } from './api/upload';

export type UploadState = 'waiting' | 'sending' | 'retrying' | 'paused' | 'reading' | 'ready' | 'failed';

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
/** The one that holds the line. */
let current: number | null = null;
const listeners = new Set<() => void>();
const sendings = new Map<number, Sending>();

function change(id: number, part: Partial<Upload>) {
  uploads = uploads.map((upload) => (upload.id === id ? { ...upload, ...part } : upload));
  listeners.forEach((listener) => listener());
}

function begin({ id, file }: Upload): Sending {
  let samples: { at: number; sent: number }[] = [];
  return sendFile(file, {
    onProgress: (sent) => {
      const at = performance.now();
      samples = [...samples.filter((sample) => at - sample.at < SPEED_OVER), { at, sent }];
      const first = samples[0], passed = first ? (at - first.at) / 1000 : 0;
      change(id, { sent, speed: first && passed > 0.2 ? Math.max(0, sent - first.sent) / passed : null, state: sent >= file.size ? 'reading' : 'sending' });
    },
    onRetry: () => { samples = []; change(id, { state: 'retrying', speed: null }); },
    onDone: (dataset) => { change(id, { state: 'ready', dataset, sent: file.size }); release(id); },
    onProblem: (problem) => { change(id, { state: 'failed', problem, speed: null }); release(id); },
  });
}

function release(id: number) {
  if (current === id) current = null;
  next();
}

function next() {
  if (current !== null) return;
  const waiting = uploads.find(({ state }) => state === 'waiting');
  if (!waiting) return;
  current = waiting.id;
  const sending = sendings.get(waiting.id) ?? begin(waiting);
  sendings.set(waiting.id, sending);
  change(waiting.id, { state: 'sending', problem: null, speed: null });
  sending.start();
}

export const uploadQueue = {
  add(files: Iterable<File>): number | undefined {
    const added = [...files].map((file): Upload => ({ id: nextId++, file, state: 'waiting', sent: 0, speed: null, dataset: null, problem: null }));
    uploads = [...uploads, ...added];
    listeners.forEach((listener) => listener());
    next();
    return added[0]?.id;
  },
  pause(id: number) {
    sendings.get(id)?.pause();
    change(id, { state: 'paused', speed: null });
    release(id);
  },
  /** Goes on with one that was paused or failed, from what has arrived. */
  again(id: number) {
    change(id, { state: 'waiting' });
    next();
  },
  /** Takes it off the list; what is not whole yet is given up. */
  remove(id: number) {
    if (!uploads.find((upload) => upload.id === id)?.dataset) sendings.get(id)?.cancel();
    sendings.delete(id);
    uploads = uploads.filter((upload) => upload.id !== id);
    listeners.forEach((listener) => listener());
    release(id);
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
