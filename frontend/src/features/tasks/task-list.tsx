'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { isActive, phaseOf, TaskStatusText } from '@/components/task-status';
import { Progress } from '@/components/ui/progress';
import { Segmented } from '@/components/ui/segmented';
import type { ResourceTaskData } from '@/lib/api/generated';
import { cn } from '@/lib/cn';
import { useFormat } from '@/lib/format';
import { usePaths } from '@/lib/paths';
import { useFile } from '@/lib/task-queries';

const SHOWN = ['all', 'active', 'failed'] as const;

export function TaskList({ tasks, current }: { tasks: ResourceTaskData[]; current: string | undefined }) {
  const t = useTranslations('tasks');
  const [show, setShow] = useQueryState('show', parseAsStringLiteral(SHOWN).withDefault('all'));
  const found = tasks.filter(({ data }) => show === 'all' || (show === 'active' ? isActive(data) || data.status === 'paused' : data.status === 'on_error' || (data.progress.rows_failed ?? 0) > 0));
  return (
    <>
      <div className="gutter flex h-12 items-center border-b">
        <Segmented label={t('show')} value={show} onChange={(next) => void setShow(next)} options={SHOWN.map((one) => ({ value: one, label: t(`shows.${one}`) }))} />
      </div>
      {found.length === 0 && <p className="gutter py-4 text-muted-foreground">{t(`none.${show}`)}</p>}
      <ul>{found.map((task) => <Item key={task.uid} task={task} current={task.uid === current} />)}</ul>
    </>
  );
}

function Item({ task, current }: { task: ResourceTaskData; current: boolean }) {
  const t = useTranslations('tasks');
  const format = useFormat();
  const paths = usePaths();
  const { file, isPending } = useFile(task.data.file_id);
  const { data } = task;
  const phase = phaseOf(data);
  const moving = phase === 'running' || phase === 'waiting' || phase === 'paused';
  const percent = data.progress.percent ?? 0;
  const name = file?.data.filename ?? (isPending ? '…' : t('goneDataset'));
  return (
    <li>
      <Link href={paths.task(task.uid)} aria-current={current ? 'true' : undefined} className={cn('gutter relative block border-b py-2.5 hover:bg-muted focus-visible:-outline-offset-2', current && 'bg-accent before:absolute before:inset-y-0 before:left-0 before:w-0.5 before:bg-primary')}>
        <span className="block truncate font-medium">{name}</span>
        <span className="mt-0.5 flex items-center gap-2">
          <TaskStatusText task={data} />
          <span className="tabular truncate text-muted-foreground">{moving ? t('percent', { percent: Math.floor(percent) }) : (data.progress.rows_total ?? 0) > 0 && t('rows', { count: data.progress.rows_total ?? 0 })}</span>
          <span className="tabular ml-auto text-xs whitespace-nowrap text-muted-foreground">{format.dayTime(task.createdAt)}</span>
        </span>
        {moving && <Progress label={t('progressOf', { name })} percent={percent} paused={phase !== 'running'} className="mt-1.5 h-[3px]" />}
      </Link>
    </li>
  );
}
