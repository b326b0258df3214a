'use client';

import { Plus, Search } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { debounce, parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
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
import { usePermission } from '@/lib/session';
import { useFiles, useTasks } from '@/lib/task-queries';
import { uploadQueue } from '@/lib/uploads';

const SORTS = ['-createdAt', 'createdAt', 'filename', '-size'] as const;

export function DatasetListPage() {
  const t = useTranslations('datasets');
  const paths = usePaths();
  const router = useRouter();
  const mayUpload = usePermission('manage_datasets');
  const [{ q, sort }, setState] = useQueryStates({ q: parseAsString.withDefault(''), sort: parseAsStringLiteral(SORTS).withDefault('-createdAt') });
  const files = useFiles(q, sort);
  const tasks = useTasks();
  const latest = new Map<string, ResourceTaskData>();
  for (const task of tasks.data?.items ?? []) if (!latest.has(task.data.file_id)) latest.set(task.data.file_id, task);

  const upload = (list: Iterable<File>) => { uploadQueue.add(list); router.push(paths.newDataset); };
  const empty = files.data?.items.length === 0 && !q;

  return (
    <>
      <PageHeader title={t('title')} actions={mayUpload && !empty && <Button asChild variant="primary" size="sm"><Link href={paths.newDataset}><Plus aria-hidden />{t('upload')}</Link></Button>} />
      <div
        className="flex-1"
        onDragOver={mayUpload ? (event) => event.preventDefault() : undefined}
        onDrop={mayUpload ? (event) => { event.preventDefault(); if (event.dataTransfer.files.length) upload(event.dataTransfer.files); } : undefined}
      >
        {files.error && <div className="gutter max-w-[760px] py-6"><ProblemAlert problem={files.error} onRetry={() => void files.refetch()} /></div>}
        {empty && (
          <EmptyState
            title={t('emptyTitle')}
            text={t('emptyText')}
            actions={mayUpload && <><Button asChild variant="primary"><Link href={paths.newDataset}><Plus aria-hidden />{t('upload')}</Link></Button><TrySample /></>}
          />
        )}
        {!empty && !files.error && (
          <>
            <div className="gutter flex h-12 items-center gap-2 border-b">
              <label className="flex h-7 w-60 min-w-0 items-center gap-2 rounded-md border bg-background px-2 text-muted-foreground focus-within:outline-2 focus-within:outline-offset-2 focus-within:outline-ring max-md:h-8 dark:bg-card">
                <Search aria-hidden className="size-3.5 shrink-0" />
                <span className="sr-only">{t('search')}</span>
                <input type="search" value={q} placeholder={t('search')} onChange={(event) => void setState({ q: event.target.value || null }, { limitUrlUpdates: debounce(200) })} className="min-w-0 flex-1 bg-transparent text-foreground outline-none" />
              </label>
              <Select aria-label={t('sort')} value={sort} onChange={(event) => void setState({ sort: SORTS.find((one) => one === event.target.value) ?? null })} className="ml-auto h-7 w-auto border-border max-md:h-8">
                {SORTS.map((one) => <option key={one} value={one}>{t(`sorts.${one}`)}</option>)}
              </Select>
            </div>
            {files.isPending ? <div className="gutter grid gap-3 py-4">{[0, 1, 2, 3].map((row) => <Skeleton key={row} className="h-8" />)}</div>
              : files.data?.items.length === 0 ? <p className="gutter py-6 text-muted-foreground">{t('nothingFound', { q })}</p>
                : <Table files={files.data?.items ?? []} latest={latest} />}
          </>
        )}
      </div>
    </>
  );
}

function Table({ files, latest }: { files: ResourceFileData[]; latest: Map<string, ResourceTaskData> }) {
  const t = useTranslations('datasets');
  const format = useFormat();
  const paths = usePaths();
  return (
    <table className="table full">
      <thead>
        <tr>
          <th>{t('name')}</th>
          <th className="num max-md:hidden">{t('rows')}</th>
          <th className="num max-lg:hidden">{t('columns')}</th>
          <th className="num max-lg:hidden">{t('size')}</th>
          <th className="max-lg:hidden">{t('textColumn')}</th>
          <th className="num max-md:hidden">{t('uploaded')}</th>
          <th>{t('state')}</th>
        </tr>
      </thead>
      <tbody>
        {files.map(({ uid, data, createdAt }) => {
          const task = latest.get(uid);
          return (
            <tr key={uid}>
              <td className="max-w-0 md:w-2/5"><Link href={paths.dataset(uid)} className="block truncate rounded-sm font-medium hover:underline">{data.filename}</Link></td>
              <td className="num max-md:hidden">{format.count(data.row_count)}</td>
              <td className="num max-lg:hidden">{format.count(data.columns.length)}</td>
              <td className="num max-lg:hidden">{format.bytes(data.size)}</td>
              <td className="max-lg:hidden">{data.text_column ? <span className="font-mono text-xs">{data.text_column}</span> : <span className="text-muted-foreground">{t('notChosen')}</span>}</td>
              <td className="num text-muted-foreground max-md:hidden">{format.dayTime(createdAt)}</td>
              <td className="md:w-44">{task ? <Link href={task.data.status === 'done' ? paths.analysisOf(uid) : paths.task(task.uid)} className="rounded-sm hover:underline"><TaskStatusText task={task.data} /></Link> : <span className="text-muted-foreground">{t('notAnalysed')}</span>}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
