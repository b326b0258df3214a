'use client';

import { Check, Link as LinkIcon, Printer } from 'lucide-react';
import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { parseAsString, useQueryState, useQueryStates } from 'nuqs';
import { useEffect, useState } from 'react';
import { flushSync } from 'react-dom';
import { EmptyState } from '@/components/empty-state';
import { PageHeader } from '@/components/page-header';
import { ProblemAlert } from '@/components/problem-alert';
import { TaskStatusText } from '@/components/task-status';
import { TrySample } from '@/components/try-sample';
import { Button } from '@/components/ui/button';
import { Select } from '@/components/ui/field';
import { Skeleton } from '@/components/ui/skeleton';
import type { ResourceFileData, ResourceTaskData } from '@/lib/api/generated';
import { useFormat } from '@/lib/format';
import { usePaths } from '@/lib/paths';
import { useFile, useFiles, useTasks } from '@/lib/task-queries';
import { Dashboard } from './dashboard';
import { Definitions } from './definitions';
import { filterParsers } from './filters';

/** The latest analysed dataset unless the address names another one. */
export function AnalysisPage() {
  const t = useTranslations('analysis');
  const files = useFiles(), tasks = useTasks();
  const [asked] = useQueryState('file', parseAsString);
  const analysed = [...new Set(tasks.data?.items.filter((task) => task.data.file_analysed).map((task) => task.data.file_id))].flatMap((id) => files.data?.items.find(({ uid }) => uid === id) ?? []);
  const chosen = useFile(asked ?? analysed[0]?.uid);
  const problem = files.error ?? tasks.error ?? (asked ? chosen.error : null);

  if (problem) return <><PageHeader title={t('title')} /><div className="gutter max-w-[760px] py-6"><ProblemAlert problem={problem} onRetry={() => { void files.refetch(); void tasks.refetch(); }} /></div></>;
  if (files.isPending || tasks.isPending || (asked && chosen.isPending)) return <><PageHeader title={t('title')} /><div className="gutter grid gap-3 py-6"><Skeleton className="h-8" /><Skeleton className="h-20" /><Skeleton className="h-80" /></div></>;
  if (!chosen.file) return <Nothing />;
  const known = analysed.some(({ uid }) => uid === chosen.file?.uid);
  if (!known && !tasks.data?.next_cursor) return <NotYet file={chosen.file} task={tasks.data?.items.find(({ data }) => data.file_id === chosen.file?.uid)} />;
  const listed = known ? analysed : [chosen.file, ...analysed];
  return <Analysed key={chosen.file.uid} file={chosen.file} files={listed} />;
}

function Analysed({ file, files }: { file: ResourceFileData; files: ResourceFileData[] }) {
  const t = useTranslations('analysis');
  const paths = usePaths();
  const [, setState] = useQueryStates({ file: parseAsString, posts: parseAsString, ...filterParsers });
  const [copied, setCopied] = useState(false);
  const [printed, setPrinted] = useState<Date | null>(null);
  const format = useFormat();
  // The paper says when it was made, however printing began.
  useEffect(() => {
    const onPrint = () => flushSync(() => setPrinted(new Date()));
    addEventListener('beforeprint', onPrint);
    return () => removeEventListener('beforeprint', onPrint);
  }, []);
  const copy = async () => {
    const address = new URL(location.href);
    address.searchParams.set('file', file.uid);
    await navigator.clipboard.writeText(address.href);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  const turnTo = (uid: string) => { void setState(null); void setState({ file: uid }); };
  return (
    <>
      <PageHeader
        title={t('of', { name: file.data.filename })}
        parent={{ label: t('title'), href: paths.analysis }}
        actions={(
          <>
            <Definitions file={file.uid} />
            <Button size="sm" className="max-md:w-8 max-md:px-0" aria-label={t('copyLink')} onClick={() => void copy()}>{copied ? <Check aria-hidden /> : <LinkIcon aria-hidden />}<span className="max-md:hidden">{copied ? t('copied') : t('copyLink')}</span></Button>
            <Button size="sm" className="max-md:hidden" onClick={() => print()}><Printer aria-hidden />{t('print')}</Button>
          </>
        )}
      >
        <Select aria-label={t('dataset')} value={file.uid} onChange={(event) => turnTo(event.target.value)} className="h-8 w-auto max-w-[46vw] border-transparent pl-1 font-semibold hover:bg-accent">
          {files.map(({ uid, data }) => <option key={uid} value={uid}>{data.filename}</option>)}
        </Select>
      </PageHeader>
      {printed && <div className="gutter hidden border-b pb-3 print:block"><p className="text-xl font-semibold tracking-tight">{t('of', { name: file.data.filename })}</p><p className="text-muted-foreground">{t('printedAt', { at: format.dateTime(printed) })}</p></div>}
      <Dashboard file={file} />
    </>
  );
}

function NotYet({ file, task }: { file: ResourceFileData; task: ResourceTaskData | undefined }) {
  const t = useTranslations('analysis');
  const paths = usePaths();
  return (
    <>
      <PageHeader title={t('of', { name: file.data.filename })} parent={{ label: t('title'), href: paths.analysis }} />
      <EmptyState
        title={t('notYet', { name: file.data.filename })}
        text={t('notYetText')}
        actions={<Button asChild variant="primary"><Link href={task ? paths.task(task.uid) : `${paths.dataset(file.uid)}&view=add`}>{task ? t('openTask') : t('analyse')}</Link></Button>}
      >
        {task && <p><TaskStatusText task={task.data} /></p>}
      </EmptyState>
    </>
  );
}

function Nothing() {
  const t = useTranslations('analysis');
  const paths = usePaths();
  const tasks = useTasks().data?.items ?? [], files = useFiles().data?.items ?? [];
  const waiting = files.slice(0, 8);
  return (
    <>
      <PageHeader title={t('title')} />
      <EmptyState
        title={t('emptyTitle')}
        text={t('emptyText')}
        actions={<><Button asChild variant="primary"><Link href={paths.newDataset}>{t('upload')}</Link></Button>{files.length === 0 && <TrySample />}</>}
      >
        {waiting.length > 0 && (
          <section aria-label={t('waiting')}>
            <h3 className="mb-2 text-xs font-normal text-muted-foreground">{t('waiting')}</h3>
            <ul className="border-t">
              {waiting.map((file) => {
                const task = tasks.find(({ data }) => data.file_id === file.uid);
                return (
                  <li key={file.uid} className="flex items-center gap-3 border-b py-2">
                    <span className="min-w-0 flex-1"><span className="block truncate font-medium">{file.data.filename}</span><span className="text-xs text-muted-foreground">{task ? <TaskStatusText task={task.data} /> : t('rows', { count: file.data.row_count })}</span></span>
                    <Button asChild size="sm"><Link href={task ? paths.task(task.uid) : `${paths.dataset(file.uid)}&view=add`}>{task ? t('openTask') : t('analyse')}</Link></Button>
                  </li>
                );
              })}
            </ul>
          </section>
        )}
      </EmptyState>
    </>
  );
}
