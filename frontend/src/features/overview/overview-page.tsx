'use client';

import { Plus } from 'lucide-react';
import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { EmptyState } from '@/components/empty-state';
import { PageHeader } from '@/components/page-header';
import { ProblemAlert } from '@/components/problem-alert';
import { isActive, phaseOf, TaskStatusText } from '@/components/task-status';
import { TrySample } from '@/components/try-sample';
import { Button } from '@/components/ui/button';
import { Progress } from '@/components/ui/progress';
import { Skeleton } from '@/components/ui/skeleton';
import type { ResourceFileData, ResourceTaskData } from '@/lib/api/generated';
import { useFormat } from '@/lib/format';
import { useArea, usePaths } from '@/lib/paths';
import { usePermission } from '@/lib/session';
import { useFiles, useTasks } from '@/lib/task-queries';
import { Administration } from './administration';
import { Frame } from './frame';
import { PlatformFigures } from './platform-figures';

const LATEST = 8;

/** What moves now, what needs somebody, and what came last. */
export function OverviewPage() {
  const t = useTranslations('overview');
  const paths = usePaths(), area = useArea();
  const mayUpload = usePermission('manage_datasets');
  const files = useFiles(), tasks = useTasks();
  const problem = files.error ?? tasks.error;
  const upload = mayUpload && <Button asChild variant="primary" size="sm"><Link href={paths.newDataset}><Plus aria-hidden />{t('upload')}</Link></Button>;
  if (problem && !(files.data && tasks.data)) return <><PageHeader title={t('title')} /><div className="gutter max-w-[760px] py-6"><ProblemAlert problem={problem} onRetry={() => { void files.refetch(); void tasks.refetch(); }} /></div></>;
  if (!files.data || !tasks.data) return <><PageHeader title={t('title')} /><div className="gutter grid gap-3 py-6"><Skeleton className="h-20" /><Skeleton className="h-64" /></div></>;

  const names = new Map(files.data.items.map((file) => [file.uid, file]));
  const all = tasks.data.items;
  const moving = all.filter(({ data }) => isActive(data));
  const stuck = all.filter(({ data }) => ['paused', 'failed', 'waiting'].includes(phaseOf(data)) || (data.status === 'done' && (data.progress.rows_failed ?? 0) > 0) || data.status === 'added');
  const done = all.filter(({ data }) => data.status === 'done');

  if (files.data.items.length === 0) {
    return (
      <>
        <PageHeader title={t('title')} />
        <EmptyState title={t('emptyTitle')} text={t('emptyText')} actions={mayUpload && <><Button asChild variant="primary"><Link href={paths.newDataset}><Plus aria-hidden />{t('upload')}</Link></Button><TrySample /></>} />
        {area === 'admin' && <div className="sheet border-t"><Administration /></div>}
      </>
    );
  }
  return (
    <>
      <PageHeader title={t('title')} actions={upload} />
      <PlatformFigures />
      <div className="sheet">
        <Frame title={t('now')} text={moving.length ? t('nowCount', { count: moving.length }) : t('nowNone')} wide={moving.length > 0}>
          <Tasks tasks={moving} names={names} />
        </Frame>
        <Frame title={t('attention')} text={stuck.length ? t('attentionCount', { count: stuck.length }) : t('attentionNone')}>
          <Tasks tasks={stuck.slice(0, LATEST)} names={names} />
        </Frame>
        <Frame title={t('analysed')} text={done.length ? t('analysedText') : t('analysedNone')}>
          <Tasks tasks={done.slice(0, LATEST)} names={names} analysis />
        </Frame>
        <Frame title={t('datasets')} text={t('datasetsText', { count: files.data.items.length })}>
          <Datasets files={files.data.items.slice(0, LATEST)} />
        </Frame>
        {area === 'admin' && <Administration />}
      </div>
    </>
  );
}

function Tasks({ tasks, names, analysis = false }: { tasks: ResourceTaskData[]; names: Map<string, ResourceFileData>; analysis?: boolean }) {
  const t = useTranslations('overview');
  const format = useFormat();
  const paths = usePaths();
  return (
    <ul>
      {tasks.map((task) => {
        const { data } = task, name = names.get(data.file_id)?.data.filename ?? t('goneDataset');
        const active = isActive(data), percent = data.progress.percent ?? 0;
        return (
          <li key={task.uid} className="border-b last:border-b-0">
            <Link href={analysis ? paths.analysisOf(data.file_id) : paths.task(task.uid)} className="block rounded-sm py-2 hover:bg-muted">
              <span className="flex items-center gap-3"><span className="min-w-0 flex-1 truncate font-medium">{name}</span><span className="tabular text-xs whitespace-nowrap text-muted-foreground">{format.dayTime(data.finished_at ?? task.createdAt)}</span></span>
              <span className="flex items-center gap-2">
                <TaskStatusText task={data} />
                <span className="tabular text-muted-foreground">{active ? t('percent', { percent: Math.floor(percent) }) : (data.progress.rows_failed ?? 0) > 0 ? t('failedRows', { count: data.progress.rows_failed ?? 0 }) : (data.progress.rows_total ?? 0) > 0 && t('rows', { count: data.progress.rows_total ?? 0 })}</span>
              </span>
              {active && <Progress label={t('progressOf', { name })} percent={percent} className="mt-1.5 h-[3px]" />}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}

function Datasets({ files }: { files: ResourceFileData[] }) {
  const t = useTranslations('overview');
  const format = useFormat();
  const paths = usePaths();
  return (
    <ul>
      {files.map((file) => (
        <li key={file.uid} className="border-b last:border-b-0">
          <Link href={paths.dataset(file.uid)} className="block rounded-sm py-2 hover:bg-muted">
            <span className="flex items-center gap-3"><span className="min-w-0 flex-1 truncate font-medium">{file.data.filename}</span><span className="tabular text-xs whitespace-nowrap text-muted-foreground">{format.dayTime(file.createdAt)}</span></span>
            <span className="text-muted-foreground">{t('rows', { count: file.data.row_count })}, {format.bytes(file.data.size)}</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
