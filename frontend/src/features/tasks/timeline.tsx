'use client';

import { CircleAlert, CircleCheck, CirclePause, CircleStop, Circle } from 'lucide-react';
import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { Arc } from '@/components/task-status';
import type { ResourceTaskData, TaskEvent } from '@/lib/api/generated';
import { cn } from '@/lib/cn';
import { useFormat } from '@/lib/format';
import { usePaths } from '@/lib/paths';
import { STEPS, stepTimes, type Step } from './task-log';

type State = 'done' | 'current' | 'paused' | 'failed' | 'stopped' | 'to come';

export function Timeline({ task, events, now }: { task: ResourceTaskData; events: TaskEvent[]; now: number }) {
  const t = useTranslations('tasks');
  const names = useTranslations('status');
  const format = useFormat();
  const { data } = task;
  const times = stepTimes(events);
  const at = STEPS.indexOf((STEPS as readonly string[]).includes(data.status) ? (data.status as Step) : ((data.step as Step | null) ?? 'in_queue'));
  const stateOf = (index: number): State => {
    if (data.status === 'done' || index < at) return 'done';
    if (index > at) return 'to come';
    if (data.status === 'added') return 'done';
    return data.status === 'paused' ? 'paused' : data.status === 'on_error' ? 'failed' : data.status === 'stopped' ? 'stopped' : 'current';
  };
  const seconds = (step: Step) => {
    const time = times[step];
    if (!time || step === 'added' || step === 'done') return null;
    return ((time.endedAt ? Date.parse(time.endedAt) : now) - Date.parse(time.startedAt)) / 1000;
  };
  const all = data.started_at ? ((data.finished_at ? Date.parse(data.finished_at) : now) - Date.parse(data.started_at)) / 1000 : null;

  return (
    <section aria-labelledby="steps-title" className="gutter py-4">
      <header className="mb-3.5 flex items-baseline justify-between"><h3 id="steps-title" className="text-sm">{t('steps')}</h3>{all !== null && <p className="tabular text-xs text-muted-foreground">{t('inAll', { duration: format.duration(all) })}</p>}</header>
      <ol>
        {STEPS.map((step, index) => {
          const state = stateOf(index), time = times[step], took = seconds(step);
          return (
            <li key={step} aria-current={state === 'current' ? 'step' : undefined} className="relative grid grid-cols-[16px_minmax(0,1fr)_auto] gap-x-3 pb-4 last:pb-0">
              {index < STEPS.length - 1 && <span aria-hidden className={cn('absolute top-5 bottom-0 left-[7.5px] w-px', state === 'done' ? 'bg-input' : 'bg-border')} />}
              <StateIcon state={state} label={t(`states.${state}`)} />
              <div className="min-w-0">
                <p className={cn('font-medium', state === 'to come' && 'text-muted-foreground')}>{names(step)}</p>
                <p className="text-xs text-muted-foreground"><Fact step={step} task={task} state={state} /></p>
              </div>
              <p className="tabular grid grid-cols-[auto_84px] gap-x-3 text-right leading-5 whitespace-nowrap">
                <span className="text-muted-foreground">{time && state !== 'to come' ? format.clock(time.startedAt) : ''}</span>
                <span>{took !== null && state !== 'to come' ? format.duration(took) : ''}</span>
              </p>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function StateIcon({ state, label }: { state: State; label: string }) {
  const icon = 'size-4 mt-0.5';
  const shape = {
    done: <CircleCheck aria-hidden strokeWidth={1.75} className={cn(icon, 'text-status-done')} />,
    current: <Arc className={cn(icon, 'text-status-running')} />,
    paused: <CirclePause aria-hidden strokeWidth={1.75} className={cn(icon, 'text-status-paused')} />,
    failed: <CircleAlert aria-hidden strokeWidth={1.75} className={cn(icon, 'text-status-failed')} />,
    stopped: <CircleStop aria-hidden strokeWidth={1.75} className={cn(icon, 'text-status-stopped')} />,
    'to come': <Circle aria-hidden strokeWidth={1.5} className={cn(icon, 'text-input')} />,
  }[state];
  return <span>{shape}<span className="sr-only">{label}</span></span>;
}

/** What a step found; what has rows behind it is a link. */
function Fact({ step, task, state }: { step: Step; task: ResourceTaskData; state: State }): ReactNode {
  const t = useTranslations('facts');
  const paths = usePaths();
  const { counts, progress, file_id: file, models_used: used, model } = task.data;
  if (state === 'to come') return t(`toCome.${step}`);
  switch (step) {
    case 'added': return t('added');
    case 'in_queue': return state === 'current' ? t('inQueue') : t('queued');
    case 'reading_dataset': return (
      <>
        {counts.rows_read ? t('rowsRead', { count: counts.rows_read }) : t('reading')}
        {(counts.rejected ?? 0) > 0 && <>, <Link className="link" href={`${paths.dataset(file)}&view=rejects`}>{t('rejected', { count: counts.rejected ?? 0 })}</Link></>}
      </>
    );
    case 'process_cleaning': return counts.unique_texts
      ? <><Link className="link" href={`${paths.dataset(file)}&stage=cleaned`}>{t('duplicates', { count: counts.duplicates_removed ?? 0 })}</Link>, {t('outliers', { count: counts.outliers_flagged ?? 0 })}, {t('unique', { count: counts.unique_texts })}</>
      : t('cleaning');
    case 'sending_to_llm': return [(progress.pages_total ?? 0) > 0 && t('pages', { done: progress.pages_done ?? 0, total: progress.pages_total ?? 0 }), (used.length ? used.join(', ') : model) ?? null].filter(Boolean).join(', ');
    case 'appending_columns': return <span className="font-mono">sentiment, priority, main_topic</span>;
    case 'saving_file': return t('saved');
    case 'done': return t('labelled', { count: (progress.rows_done ?? 0) - (progress.rows_failed ?? 0) });
  }
}
