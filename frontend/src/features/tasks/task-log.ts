import type { Counts, TaskEvent, TaskStatus } from '@/lib/api/generated';
import { dataOf } from '@/lib/task-events';

export const STEPS = ['added', 'in_queue', 'reading_dataset', 'process_cleaning', 'sending_to_llm', 'appending_columns', 'saving_file', 'done'] as const satisfies readonly TaskStatus[];
export type Step = (typeof STEPS)[number];
const isStep = (event: string): event is Step => (STEPS as readonly string[]).includes(event);

export interface StepTime { startedAt: string; /** Null while it goes on. */ endedAt: string | null }

/**
 * When each step of the latest run began and ended. A run begins with `in_queue`; what an earlier run left of later
 * steps is forgotten. A pause ends the step that it breaks into; resuming goes on with it.
 */
export function stepTimes(events: readonly TaskEvent[]): Partial<Record<Step, StepTime>> {
  const times: Partial<Record<Step, StepTime>> = {};
  let open: Step | null = null;
  for (const { event, at } of events) {
    if (event === 'progress') continue;
    if (open && open !== event) { const step: StepTime | undefined = times[open]; if (step) step.endedAt ??= at; open = null; }
    if (!isStep(event)) continue;
    if (event === 'in_queue') for (const later of STEPS.slice(2)) delete times[later];
    const going = times[event];
    if (going && event !== 'in_queue' && event !== 'added') going.endedAt = null;
    else times[event] = { startedAt: at, endedAt: null };
    if (event === 'added' || event === 'done') { const step = times[event]; if (step) step.endedAt = at; } else open = event;
  }
  return times;
}

/** The page from which on each model answered in the latest run, by what the events say: a model appears with its first page. */
export function modelsFrom(events: readonly TaskEvent[]): Map<string, number> {
  let from = new Map<string, number>(), pages = 0;
  for (const event of events) {
    const { models_used: used = [], progress } = dataOf(event);
    if (event.event === 'in_queue') { from = new Map(); pages = 0; }
    for (const model of used) if (!from.has(model)) from.set(model, pages + 1);
    pages = progress?.pages_done ?? pages;
  }
  return from;
}

export type Level = 'info' | 'warning' | 'error';

export type LogLine =
  | { seq: number; at: string; level: Level; kind: 'status'; status: TaskStatus; detail: string | null }
  | { seq: number; at: string; level: Level; kind: 'pages'; done: number; total: number; rows: number; speed: number | null }
  | { seq: number; at: string; level: Level; kind: 'failed'; rows: number }
  | { seq: number; at: string; level: Level; kind: 'waiting'; reason: string }
  | { seq: number; at: string; level: Level; kind: 'answering' }
  | { seq: number; at: string; level: Level; kind: 'model'; model: string; /** Whether another one was to be asked first. */ standsIn: boolean }
  | { seq: number; at: string; level: Level; kind: 'warning'; text: string }
  | { seq: number; at: string; level: Level; kind: 'counts'; counts: Counts };

/** What a person wants to know of the events, oldest first: only what changed from one to the next. */
export function logLines(events: readonly TaskEvent[]): LogLine[] {
  const lines: LogLine[] = [];
  let pages = 0, failed = 0, waiting: string | null = null, warned = 0, counted = '', models: string[] = [];
  for (const event of events) {
    const { seq, at } = event, data = dataOf(event), progress = data.progress;
    if (event.event !== 'progress') {
      const error = event.event === 'on_error' ? data.error : null;
      const reason = event.event === 'paused' ? (data.pause_reason ?? null) : null;
      lines.push({ seq, at, kind: 'status', status: event.event as TaskStatus, level: error ? 'error' : reason === 'budget_exhausted' ? 'warning' : 'info', detail: error?.message ?? reason });
      if (event.event === 'in_queue') { pages = 0; failed = 0; models = []; }
    }
    const counts = JSON.stringify(data.counts ?? {});
    if (event.event === 'progress' && data.counts && counts !== counted && data.counts.rows_read) lines.push({ seq, at, level: 'info', kind: 'counts', counts: data.counts });
    counted = counts;
    for (const text of (data.warnings ?? []).slice(warned)) lines.push({ seq, at, level: 'warning', kind: 'warning', text });
    warned = Math.max(warned, data.warnings?.length ?? 0);
    for (const model of (data.models_used ?? []).filter((one) => !models.includes(one))) {
      const standsIn = data.model != null && model !== data.model;
      lines.push({ seq, at, level: standsIn ? 'warning' : 'info', kind: 'model', model, standsIn });
      models = [...models, model];
    }
    if (data.waiting && data.waiting.reason !== waiting) lines.push({ seq, at, level: 'warning', kind: 'waiting', reason: data.waiting.reason });
    if (!data.waiting && waiting) lines.push({ seq, at, level: 'info', kind: 'answering' });
    waiting = data.waiting?.reason ?? null;
    if (progress && (progress.pages_done ?? 0) > pages) lines.push({ seq, at, level: 'info', kind: 'pages', done: progress.pages_done ?? 0, total: progress.pages_total ?? 0, rows: progress.rows_done ?? 0, speed: progress.rows_per_second ?? null });
    pages = progress?.pages_done ?? pages;
    if (progress && (progress.rows_failed ?? 0) > failed) lines.push({ seq, at, level: 'error', kind: 'failed', rows: progress.rows_failed ?? 0 });
    failed = progress?.rows_failed ?? failed;
  }
  return lines;
}

/** Lines about pages that are drawn: a long run has thousands. */
const PAGES_DRAWN = 300;

/** The lines without the older ones about pages; what else happened is all there. */
export function thinned(lines: readonly LogLine[]): LogLine[] {
  let pages = lines.filter(({ kind }) => kind === 'pages').length;
  return lines.filter(({ kind }) => kind !== 'pages' || pages-- <= PAGES_DRAWN);
}
