'use client';

import { useQuery } from '@tanstack/react-query';
import { ChartColumn, ChevronDown, Play, Trash2 } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { useState, type ReactNode } from 'react';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { DownloadLink } from '@/components/download-link';
import { PageHeader } from '@/components/page-header';
import { ProblemAlert } from '@/components/problem-alert';
import { TaskStatusText } from '@/components/task-status';
import { Button } from '@/components/ui/button';
import { Menu, MenuContent, MenuItem, MenuTrigger } from '@/components/ui/menu';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import { deleteFile, type ResourceFileData } from '@/lib/api/generated';
import { getFileOptions } from '@/lib/api/generated/@tanstack/react-query.gen';
import { useFormat } from '@/lib/format';
import { usePaths } from '@/lib/paths';
import { usePermission } from '@/lib/session';
import { useForgetLists, useTasks } from '@/lib/task-queries';
import { AddPanel } from './add-panel';
import { Cleaning } from './cleaning';
import { DialectForm } from './dialect-form';
import { ProfileView } from './profile-view';
import { Rejects } from './rejects';
import { RowsView } from './rows-view';
import { useProfile, type Stage } from './use-profile';

const STAGES = ['original', 'cleaned', 'analysed'] as const satisfies readonly Stage[];
const VIEWS = ['rows', 'profile', 'cleaning', 'rejects', 'reading', 'add'] as const;
const FORMATS = ['xlsx', 'jsonl', 'parquet'] as const;

export function DatasetPage({ id }: { id: string }) {
  const places = useTranslations('places');
  const paths = usePaths();
  const file = useQuery(getFileOptions({ path: { id } }));
  const parent = { label: places('datasets'), href: paths.datasets };
  if (file.error) return <><PageHeader title={places('datasets')} parent={parent} /><div className="gutter max-w-[760px] py-6"><ProblemAlert problem={file.error} onRetry={() => void file.refetch()} /></div></>;
  if (!file.data) return <><PageHeader title={places('datasets')} parent={parent} /><div className="gutter grid gap-3 py-6"><Skeleton className="h-16" /><Skeleton className="h-80" /></div></>;
  return <Dataset file={file.data} parent={parent} onChanged={() => void file.refetch()} />;
}

function Dataset({ file, parent, onChanged }: { file: ResourceFileData; parent: { label: string; href: string }; onChanged: () => void }) {
  const t = useTranslations('dataset');
  const format = useFormat();
  const paths = usePaths();
  const router = useRouter();
  const forget = useForgetLists();
  const mayChange = usePermission('manage_datasets'), mayRun = usePermission('manage_tasks');
  const [view, setView] = useQueryState('view', parseAsStringLiteral(VIEWS).withDefault('rows'));
  const [deleting, setDeleting] = useState(false);
  const tasks = useTasks().data?.items.filter((task) => task.data.file_id === file.uid) ?? [];
  const latest = tasks[0];
  // The stages are those of the last run.
  const cleaned = tasks.filter((task) => task.data.file_cleaned).sort((a, b) => (b.data.started_at ?? '').localeCompare(a.data.started_at ?? ''))[0];
  const analysed = tasks.some((task) => task.data.file_analysed);
  const stages = STAGES.filter((stage) => stage === 'original' || tasks.some((task) => (stage === 'cleaned' ? task.data.file_cleaned : task.data.file_analysed)));
  const { data } = file;

  const remove = async () => {
    await deleteFile({ path: { id: file.uid }, throwOnError: true });
    void forget.files();
    void forget.tasks();
    router.replace(paths.datasets);
  };

  const facts: [string, ReactNode][] = [
    [t('rows'), format.count(data.row_count)],
    [t('columns'), format.count(data.columns.length)],
    [t('size'), format.bytes(data.size)],
    [t('textColumn'), data.text_column ? <span key="c" className="font-mono text-xs">{data.text_column}</span> : t('notChosen')],
    [t('uploaded'), format.dateTime(file.createdAt)],
    [t('task'), latest ? <Link key="t" className="link" href={paths.task(latest.uid)}><TaskStatusText task={latest.data} /></Link> : t('noTask')],
  ];

  return (
    <>
      <PageHeader
        title={data.filename}
        parent={parent}
        actions={(
          <>
            {analysed ? <Button asChild size="sm"><Link href={paths.analysisOf(file.uid)}><ChartColumn aria-hidden />{t('openAnalysis')}</Link></Button>
              : mayRun && !latest && <Button size="sm" variant="primary" onClick={() => void setView('add')}><Play aria-hidden />{t('add')}</Button>}
            {mayChange && <Button size="icon-sm" variant="ghost" aria-label={t('delete')} title={t('delete')} onClick={() => setDeleting(true)}><Trash2 aria-hidden /></Button>}
          </>
        )}
      />
      <dl className="grid grid-cols-2 border-b md:grid-cols-3 lg:grid-cols-6">
        {facts.map(([name, value]) => <div key={name} className="min-w-0 border-border px-4 py-3 not-first:border-l max-md:odd:border-l-0 max-md:nth-[n+3]:border-t md:max-lg:nth-[4]:border-l-0 md:max-lg:nth-[n+4]:border-t first:pl-(--gutter)"><dt className="text-xs text-muted-foreground">{name}</dt><dd className="truncate">{value}</dd></div>)}
      </dl>
      <div className="gutter shrink-0 overflow-x-auto border-b py-2">
        <Segmented
          label={t('view')}
          value={view}
          onChange={(next) => void setView(next)}
          options={[
            { value: 'rows', label: t('viewRows') },
            { value: 'profile', label: t('viewProfile') },
            ...(cleaned ? [{ value: 'cleaning' as const, label: t('viewCleaning') }] : []),
            ...(data.rejected_rows > 0 && !cleaned ? [{ value: 'rejects' as const, label: t('viewRejects', { count: data.rejected_rows }) }] : []),
            ...(mayChange ? [{ value: 'reading' as const, label: t('viewReading') }] : []),
            ...(mayRun ? [{ value: 'add' as const, label: t('viewAdd') }] : []),
          ]}
        />
      </div>
      {view === 'rows' && <Rows file={file} stages={stages} />}
      {view === 'profile' && <Profile file={file} stages={stages} />}
      {view === 'cleaning' && cleaned && <Cleaning file={file} task={cleaned} />}
      {view === 'rejects' && <Rejects id={file.uid} />}
      {view === 'reading' && <DialectForm dataset={file} detected={data.dialect} onChanged={onChanged} />}
      {view === 'add' && <div className="max-w-[720px]"><AddPanel dataset={file} onAdded={(task) => router.push(paths.task(task.uid))} /></div>}
      <ConfirmDialog
        open={deleting}
        onOpenChange={setDeleting}
        title={t('deleteTitle', { name: data.filename })}
        description={t('deleteText', { rows: data.row_count })}
        keep={t('keep')}
        action={t('deleteAction')}
        onConfirm={remove}
      />
    </>
  );
}

interface StagesProps { file: ResourceFileData; stages: readonly Stage[] }

/** The stage of the address, of those that are there. */
function useStage(stages: readonly Stage[]): Stage {
  const [asked] = useQueryState('stage', parseAsStringLiteral(STAGES).withDefault('original'));
  return stages.includes(asked) ? asked : 'original';
}

function StageChoice({ stages, stage }: { stages: readonly Stage[]; stage: Stage }) {
  const t = useTranslations('dataset');
  const [, setStage] = useQueryState('stage', parseAsStringLiteral(STAGES).withDefault('original'));
  return stages.length > 1 && <Segmented label={t('stage')} value={stage} onChange={(next) => void setStage(next)} options={stages.map((one) => ({ value: one, label: t(`stages.${one}`) }))} />;
}

function Profile({ file, stages }: StagesProps) {
  const t = useTranslations('dataset');
  const stage = useStage(stages);
  return (
    <section aria-label={t('viewProfile')}>
      {stages.length > 1 && <div className="gutter border-b py-2"><StageChoice stages={stages} stage={stage} /></div>}
      <ProfileView id={file.uid} stage={stage} />
    </section>
  );
}

function Rows({ file, stages }: StagesProps) {
  const t = useTranslations('dataset');
  const format = useFormat();
  const stage = useStage(stages);
  const profile = useProfile(file.uid, stage).data ?? undefined;
  const content = `/v1/files/${file.uid}/content`;
  return (
    <section aria-label={t('viewRows')} className="flex min-h-0 flex-1 flex-col">
      <div className="gutter flex flex-wrap items-center gap-x-3 gap-y-2 border-b py-2">
        <StageChoice stages={stages} stage={stage} />
        <div className="ml-auto flex flex-wrap items-center gap-1">
          <DownloadLink size="sm" href={`${content}?stage=${stage}`}>{t('download', { stage: t(`stages.${stage}`) })}</DownloadLink>
          <Menu>
            <MenuTrigger asChild><Button size="sm" variant="ghost">{t('otherFormats')}<ChevronDown aria-hidden /></Button></MenuTrigger>
            <MenuContent align="end">{FORMATS.map((format) => <MenuItem key={format} asChild><a href={`${content}?stage=${stage}&format=${format}`} download>{t(`formats.${format}`)}</a></MenuItem>)}</MenuContent>
          </Menu>
        </div>
      </div>
      <RowsView key={stage} id={file.uid} of={{ stage }} known={stage === 'original' ? file.data.row_count : undefined} label={(rows) => t('gridOf', { name: file.data.filename, stage: t(`stages.${stage}`), rows: format.count(rows) })} profile={profile} textColumn={file.data.text_column} className="h-[calc(100dvh-272px)] min-h-80" />
    </section>
  );
}
