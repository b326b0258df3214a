import { describe, expect, it } from 'vitest';
import type { TaskEvent } from '@/lib/api/generated';
import type { EventData } from '@/lib/task-events';
import { logLines, modelsFrom, stepTimes, thinned } from './task-log';
import { mergeEvents } from './use-task-events';

const event = (seq: number, name: string, second: number, data: EventData = {}): TaskEvent => ({ seq, event: name, at: new Date(second * 1000).toISOString(), task_id: 't', file_id: 'f', data });
const at = (second: number) => new Date(second * 1000).toISOString();

describe('the times of the steps', () => {
  it('ends a step where the next one begins', () => {
    const times = stepTimes([event(1, 'added', 0), event(2, 'in_queue', 5), event(3, 'reading_dataset', 8), event(4, 'progress', 9)]);
    expect(times.in_queue).toEqual({ startedAt: at(5), endedAt: at(8) });
    expect(times.reading_dataset).toEqual({ startedAt: at(8), endedAt: null });
  });

  it('lets a pause end the step that it breaks into', () => {
    const times = stepTimes([event(1, 'in_queue', 0), event(2, 'sending_to_llm', 1), event(3, 'paused', 7)]);
    expect(times.sending_to_llm).toEqual({ startedAt: at(1), endedAt: at(7) });
  });

  it('forgets the later steps of the run before', () => {
    const times = stepTimes([event(1, 'added', 0), event(2, 'in_queue', 1), event(3, 'sending_to_llm', 2), event(4, 'done', 3), event(5, 'in_queue', 10)]);
    expect(times.sending_to_llm).toBeUndefined();
    expect(times.done).toBeUndefined();
    expect(times.in_queue).toEqual({ startedAt: at(10), endedAt: null });
  });
});

describe('the log', () => {
  const progress = (pages: number, failed = 0): EventData => ({ progress: { pages_done: pages, pages_total: 3, rows_done: pages * 100, rows_failed: failed } });

  it('tells of each page once', () => {
    const lines = logLines([event(1, 'sending_to_llm', 0), event(2, 'progress', 1, progress(0)), event(3, 'progress', 2, progress(1)), event(4, 'progress', 3, progress(1)), event(5, 'progress', 4, progress(2))]);
    expect(lines.filter(({ kind }) => kind === 'pages')).toMatchObject([{ done: 1, rows: 100 }, { done: 2, rows: 200 }]);
  });

  it('tells of rows that failed as an error, with how many there are', () => {
    expect(logLines([event(1, 'progress', 1, progress(1, 4))])).toContainEqual(expect.objectContaining({ kind: 'failed', level: 'error', rows: 4 }));
  });

  it('says when it waits and when it is answered again', () => {
    const waiting = { reason: 'no model answers', since: at(0), next_attempt_at: at(9) };
    const lines = logLines([event(1, 'progress', 1, { waiting }), event(2, 'progress', 2, { waiting }), event(3, 'progress', 3, { waiting: null })]);
    expect(lines.map(({ kind, level }) => [kind, level])).toEqual([['waiting', 'warning'], ['answering', 'info']]);
  });

  it('names the error that ended a task', () => {
    expect(logLines([event(1, 'on_error', 1, { error: { code: 'input_changed', message: 'the file changed' } })])[0]).toMatchObject({ level: 'error', detail: 'the file changed' });
  });

  it('keeps what happened early in a run of thousands of pages', () => {
    const pages = Array.from({ length: 2000 }, (_, page) => event(page + 3, 'progress', page, progress(page + 1)));
    const lines = thinned(logLines([event(1, 'in_queue', 0), event(2, 'paused', 0), ...pages]));
    expect(lines.slice(0, 2)).toMatchObject([{ status: 'in_queue' }, { status: 'paused' }]);
    expect(lines.slice(2).map((line) => (line.kind === 'pages' ? line.done : 0))).toEqual(Array.from({ length: 300 }, (_, page) => 1701 + page));
  });
});

describe('the models', () => {
  const answered = (pages: number, used: string[]): EventData => ({ model: 'first', models_used: used, progress: { pages_done: pages, pages_total: 9 } });
  const events = [event(1, 'in_queue', 0), event(2, 'progress', 1, answered(0, [])), event(3, 'progress', 2, answered(1, ['first'])), event(4, 'progress', 3, answered(4, ['first'])), event(5, 'progress', 4, answered(5, ['first', 'second']))];

  it('tells once of each that it answers, and of one that stands in as a warning', () => {
    expect(logLines(events).filter(({ kind }) => kind === 'model')).toMatchObject([{ model: 'first', level: 'info', standsIn: false }, { model: 'second', level: 'warning', standsIn: true }]);
  });

  it('names the page from which on each answered', () => {
    expect([...modelsFrom(events)]).toEqual([['first', 1], ['second', 5]]);
  });

  it('forgets those of the run before', () => {
    expect([...modelsFrom([...events, event(6, 'in_queue', 9), event(7, 'progress', 10, answered(2, ['second']))])]).toEqual([['second', 1]]);
  });
});

describe('the history of a task and what the stream brings', () => {
  const numbers = (events: TaskEvent[]) => events.map(({ seq }) => seq);
  const some = (...seqs: number[]) => seqs.map((seq) => event(seq, 'progress', seq));

  it('is in its order, each event once', () => {
    expect(numbers(mergeEvents(some(1, 2, 5), some(2, 3, 4, 5, 6)))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('stays the same when nothing is new', () => {
    const known = some(1, 2);
    expect(numbers(mergeEvents(known, some(2)))).toEqual([1, 2]);
    expect(mergeEvents(known, [])).toBe(known);
  });
});
