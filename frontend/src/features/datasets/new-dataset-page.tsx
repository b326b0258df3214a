'use client';

import { useQuery } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useEffect, useEffectEvent, useState } from 'react';
import { toast } from 'sonner';
import { PageHeader } from '@/components/page-header';
import { ProblemAlert } from '@/components/problem-alert';
import { TrySample } from '@/components/try-sample';
import { Skeleton } from '@/components/ui/skeleton';
import type { Dialect, ResourceFileData, ResourceTaskData } from '@/lib/api/generated';
import { previewFileOptions } from '@/lib/api/generated/@tanstack/react-query.gen';
import { usePaths } from '@/lib/paths';
import { useForgetLists } from '@/lib/task-queries';
import { AddPanel } from './add-panel';
import { CutUploads } from './cut-uploads';
import { allOf, DataGrid } from './data-grid';
import { DialectForm } from './dialect-form';
import { DropZone } from './drop-zone';
import { UploadRow } from './upload-row';
import { uploadQueue, useUploads } from '@/lib/uploads';

/** How long an upload has to take before leaving the page in its middle is asked about, in ms. */
const LONG = 1000;

/** From a file on a disk to a task: drop it, see how it was read, add it. */
export function NewDatasetPage() {
  const t = useTranslations('upload');
  const places = useTranslations('places');
  const paths = usePaths();
  const router = useRouter();
  const forget = useForgetLists();
  const uploads = useUploads();
  const [chosen, choose] = useState<number | null>(null);
  const selected = uploads.find(({ id }) => id === chosen) ?? uploads.find(({ state }) => state === 'ready') ?? uploads[0];
  const ready = uploads.filter(({ state }) => state === 'ready').length;
  const sending = uploads.some(({ state }) => state === 'sending' || state === 'retrying' || state === 'waiting');

  const onReady = useEffectEvent(() => { void forget.files(); });
  useEffect(() => { if (ready > 0) onReady(); }, [ready]);
  useEffect(() => {
    if (!sending) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    const timer = setTimeout(() => addEventListener('beforeunload', warn), LONG);
    return () => { clearTimeout(timer); removeEventListener('beforeunload', warn); };
  }, [sending]);

  const take = (files: File[]) => choose(uploadQueue.add(files) ?? null);
  const added = (id: number, task: ResourceTaskData, name: string) => {
    uploadQueue.remove(id);
    if (uploads.length > 1) toast(t('added', { name }), { action: { label: t('openTask'), onClick: () => router.push(paths.task(task.uid)) } });
    else router.push(paths.task(task.uid));
  };

  return (
    <>
      <PageHeader title={t('title')} parent={{ label: places('datasets'), href: paths.datasets }} />
      <div className="grid flex-1 lg:grid-cols-[minmax(0,1fr)_352px]">
        <div className="min-w-0 lg:border-r">
          <div className="gutter py-5"><DropZone onFiles={take} /></div>
          {uploads.length > 0 && <ul className="border-t">{uploads.map((upload) => <UploadRow key={upload.id} upload={upload} selected={upload === selected} onSelect={() => choose(upload.id)} />)}</ul>}
          <CutUploads />
          {selected?.state === 'failed' && <div className="gutter py-5"><ProblemAlert problem={selected.problem} onRetry={() => uploadQueue.again(selected.id)} /></div>}
          {selected?.dataset && <Read key={selected.id} dataset={selected.dataset} onChanged={(dataset) => uploadQueue.keep(selected.id, dataset)} />}
          {uploads.length === 0 && (
            <div className="gutter max-w-[720px] pb-10">
              <p className="text-base text-muted-foreground">{t('what')}</p>
              <div className="mt-4"><TrySample /></div>
            </div>
          )}
        </div>
        <div className="max-lg:border-t">
          {selected?.dataset && <AddPanel key={selected.id} dataset={selected.dataset} onAdded={(task) => added(selected.id, task, selected.file.name)} />}
        </div>
      </div>
    </>
  );
}

function Read({ dataset, onChanged }: { dataset: ResourceFileData; onChanged: (dataset: ResourceFileData) => void }) {
  const t = useTranslations('upload');
  const [detected] = useState<Dialect>(dataset.data.dialect);
  const preview = useQuery({ ...previewFileOptions({ path: { id: dataset.uid }, query: { rows: 100 } }), staleTime: Infinity, gcTime: 0 });
  const { refetch } = preview;
  return (
    <>
      <DialectForm dataset={dataset} detected={detected} onChanged={(file) => { onChanged(file); void refetch(); }} />
      <section aria-labelledby="preview-title">
        <header className="gutter flex flex-wrap items-baseline gap-x-2 border-b py-3"><h2 id="preview-title" className="text-sm">{t('preview')}</h2><p className="text-xs text-muted-foreground">{t('previewRows', { count: preview.data?.rows.length ?? 0 })}</p></header>
        {preview.isPending && <div className="gutter grid gap-2 py-3"><Skeleton className="h-8" /><Skeleton className="h-64" /></div>}
        {preview.error && <div className="gutter py-4"><ProblemAlert problem={preview.error} onRetry={() => void preview.refetch()} /></div>}
        {preview.data && <DataGrid label={t('previewOf', { name: dataset.data.filename })} columns={preview.data.columns} rows={allOf(preview.data.rows)} textColumn={dataset.data.text_column} className="h-[calc(100dvh-440px)] min-h-80" />}
      </section>
    </>
  );
}
