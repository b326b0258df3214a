'use client';

import { useQuery } from '@tanstack/react-query';
import { ChevronLeft } from 'lucide-react';
import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { useEffect, useEffectEvent } from 'react';
import { ProblemAlert } from '@/components/problem-alert';
import { isActive, phaseOf, TaskStatusBadge } from '@/components/task-status';
import { Progress } from '@/components/ui/progress';
import { Skeleton } from '@/components/ui/skeleton';
import type { ResourceTaskData } from '@/lib/api/generated';
import { getTaskOptions } from '@/lib/api/generated/@tanstack/react-query.gen';
import { ApiProblem } from '@/lib/api/problem';
import { useFormat } from '@/lib/format';
import { usePaths } from '@/lib/paths';
import { useFile } from '@/lib/task-queries';
import { useNow } from '@/lib/use-now';
import { FailedRows } from './failed-rows';
import { LiveLog } from './live-log';
import { Pages } from './pages';
import { Spend } from './spend';
import { useTaskAction } from './task-actions';
import { TaskButtons } from './task-buttons';
import { stepTimes } from './task-log';
import { TaskNotice } from './task-notice';
import { Timeline } from './timeline';
import { useTaskEvents } from './use-task-events';

export function TaskDetail({ id }: { id: string }) {
  const t = useTranslations('tasks');
  const paths = usePaths();
  const task = useQuery({ ...getTaskOptions({ path: { task_id: id } }), refetchInterval: ({ state }) => (state.data && isActive(state.data.data) ? 5000 : false) });
  return (
    <>
      <Link href={paths.tasks} className="gutter flex h-10 items-center gap-1 border-b text-muted-foreground lg:hidden"><ChevronLeft aria-hidden className="size-4" />{t('all')}</Link>
      {task.error && !task.data && <div className="gutter max-w-[760px] py-6"><ProblemAlert problem={task.error} onRetry={() => void task.refetch()} /></div>}
      {task.isPending && <div className="gutter grid gap-3 py-5"><Skeleton className="h-8 w-72" /><Skeleton className="h-2" /><Skeleton className="h-20" /><Skeleton className="h-72" /></div>}
      {task.data && <Task task={task.data} />}
    </>
  );
}

function Task({ task }: { task: ResourceTaskData }) {
  const t = useTranslations('tasks');
  const format = useFormat();
  const paths = usePaths();
  const { data } = task;
  const { file, error: fileError } = useFile(data.file_id);
  const active = isActive(data);
  const now = useNow(active);
  const { events, state } = useTaskEvents(task);
  const action = useTaskAction(task.uid);
  const gone = fileError instanceof ApiProblem && fileError.status === 404;
  const name = file?.data.filename ?? (gone ? t('goneDataset') : '…');
  const phase = phaseOf(data);
  const { progress } = data;
  const total = progress.rows_total ?? 0, done = progress.rows_done ?? 0, failed = progress.rows_failed ?? 0;
  const labelling = data.status === 'sending_to_llm';
  const left = progress.eta_seconds;
  const labelled = stepTimes(events).sending_to_llm, seconds = labelled?.endedAt ? (Date.parse(labelled.endedAt) - Date.parse(labelled.startedAt)) / 1000 : 0;
  // While it labels, as fast as it is now; at the end, as fast as it was on the whole.
  const speed = labelling ? progress.rows_per_second : data.status === 'done' && seconds > 0 ? done / seconds : null;
  const took = data.status === 'done' && data.started_at && data.finished_at ? (Date.parse(data.finished_at) - Date.parse(data.started_at)) / 1000 : null;

  const onSpace = useEffectEvent((event: KeyboardEvent) => {
    const free = event.target === document.body || (event.target instanceof HTMLElement && event.target.id === 'main');
    if (event.key !== ' ' || !free) return;
    const wanted = data.allowed_actions.find((one) => one === 'pause' || one === 'resume');
    if (!wanted) return;
    event.preventDefault();
    action.mutate({ action: wanted });
  });
  useEffect(() => {
    document.addEventListener('keydown', onSpace);
    return () => document.removeEventListener('keydown', onSpace);
  }, []);

  return (
    <article aria-label={name}>
      <header className="gutter border-b pt-4 pb-5">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
          <h2 className="mr-auto min-w-0 text-lg tracking-tight break-words">{name}</h2>
          <TaskStatusBadge task={data} />
          <TaskButtons task={task} action={action} />
        </div>
        <p className="mt-1 flex flex-wrap gap-x-4 text-muted-foreground">
          <span>{data.started_at ? t('startedAt', { at: format.dateTime(data.started_at) }) : t('addedAt', { at: format.dateTime(task.createdAt) })}</span>
          {file && <Link className="link" href={paths.dataset(data.file_id)}>{t('openDataset')}</Link>}
          {data.status === 'done' && file && <Link className="link" href={paths.analysisOf(data.file_id)}>{t('openAnalysis')}</Link>}
          {(data.options.text_column ?? file?.data.text_column) && <span>{t('textColumn')} <span className="font-mono text-xs text-foreground">{data.options.text_column ?? file?.data.text_column}</span></span>}
        </p>
        {data.status !== 'done' && <Progress label={t('progressOf', { name })} percent={progress.percent ?? 0} paused={phase === 'paused' || phase === 'waiting'} className="mt-3 h-2" />}
      </header>
      <TaskNotice task={data} now={now} />
      <dl className="grid grid-cols-2 border-b lg:grid-cols-4">
        <Figure name={t('rowsLabelled')} value={total ? format.count(done) : '–'} unit={total ? t('of', { total }) : undefined} below={[total ? format.percent(done / total) : t('notCounted'), failed > 0 && t('failedRows', { count: failed })].filter(Boolean).join(', ')} />
        <Figure name={t('speed')} value={speed ? format.decimal(speed) : '–'} unit={speed ? t('rowsPerSecond') : undefined} below={data.options.concurrency ? t('calls', { count: data.options.concurrency }) : (data.model ?? t('noModelYet'))} />
        <Figure name={t(took === null ? 'timeLeft' : 'took')} value={took !== null ? format.duration(took) : active && left != null ? format.duration(left) : '–'} below={active && left != null ? t('doneAt', { at: format.time(now + left * 1000) }) : data.finished_at ? t('finishedAt', { at: format.dateTime(data.finished_at) }) : t('notTold')} />
        <Figure name={t('spent')} value={format.money(data.usage.cost ?? '0')} unit={data.budget?.max_cost ? t('ofMoney', { limit: format.money(data.budget.max_cost) }) : undefined} below={t('tokens', { count: (data.usage.prompt_tokens ?? 0) + (data.usage.completion_tokens ?? 0) })} />
      </dl>
      <div className="grid lg:grid-cols-2">
        <div className="lg:border-r"><Timeline task={task} events={events} now={now} /></div>
        <div className="max-lg:border-t"><Pages progress={progress} limit={data.options.paginate_rows_limit ?? null} /><Spend id={task.uid} task={data} events={events} /></div>
      </div>
      <LiveLog events={events} state={state} name={name} />
      {failed > 0 && <FailedRows task={task} textColumn={data.options.text_column ?? file?.data.text_column ?? 'full_text'} action={action} />}
    </article>
  );
}

function Figure({ name, value, unit, below }: { name: string; value: string; unit?: string | undefined; below: string }) {
  return (
    <div className="min-w-0 border-border px-4 py-3 first:pl-(--gutter) not-first:border-l max-lg:odd:border-l-0 max-lg:nth-[n+3]:border-t max-lg:odd:pl-(--gutter)">
      <dt className="text-xs text-muted-foreground">{name}</dt>
      <dd>
        <span className="tabular text-2xl font-semibold tracking-tight whitespace-nowrap max-md:text-xl">{value}</span>{unit && <span className="ml-1.5 text-muted-foreground">{unit}</span>}
        <span className="tabular block text-xs break-words text-muted-foreground">{below}</span>
      </dd>
    </div>
  );
}
