'use client';

import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { Segmented } from '@/components/ui/segmented';
import type { ResourceFileData, ResourceTaskData } from '@/lib/api/generated';
import { useFormat } from '@/lib/format';
import { Lineage } from './lineage';
import { Rejects } from './rejects';
import { RowsView } from './rows-view';
import type { RowsOf } from './use-rows';

type Kind = 'duplicates' | 'outliers' | 'rejects';

/** What became of the file, and what cleaning did with its rows. */
export function Cleaning({ file, task }: { file: ResourceFileData; task: ResourceTaskData }) {
  const t = useTranslations('cleaning');
  const format = useFormat();
  const { counts, options } = task.data;
  const [kind, setKind] = useState<Kind>('duplicates');
  const many: Record<Kind, number> = { duplicates: counts.duplicates_removed ?? 0, outliers: counts.outliers_flagged ?? 0, rejects: file.data.rejected_rows };
  const of: Record<Exclude<Kind, 'rejects'>, RowsOf> = {
    duplicates: { stage: 'removed', only: 'duplicates' },
    outliers: { stage: options.drop_outliers ? 'removed' : 'cleaned', only: 'outliers' },
  };
  return (
    <section aria-label={t('title')} className="flex min-h-0 flex-1 flex-col">
      <Lineage file={file} task={task} />
      <div className="gutter flex flex-wrap items-center gap-x-3 gap-y-2 border-b py-2">
        <div className="max-w-full overflow-x-auto"><Segmented label={t('show')} value={kind} onChange={setKind} options={(['duplicates', 'outliers', 'rejects'] as const).map((one) => ({ value: one, label: t(`kinds.${one}`, { count: many[one] }) }))} /></div>
        <p className="text-xs text-muted-foreground">{kind === 'outliers' && options.drop_outliers ? t('about.outliersRemoved') : t(`about.${kind}`)}</p>
      </div>
      {many[kind] === 0 ? <p className="gutter py-4 text-muted-foreground">{t(`none.${kind}`)}</p>
        : kind === 'rejects' ? <Rejects id={file.uid} />
          : <RowsView key={kind} id={file.uid} of={of[kind]} known={many[kind]} label={(rows) => t(`gridOf.${kind}`, { name: file.data.filename, rows: format.count(rows) })} textColumn={file.data.text_column} className="h-[calc(100dvh-360px)] min-h-80" />}
    </section>
  );
}
