'use client';

import { ArrowRight } from 'lucide-react';
import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { ResourceFileData, ResourceTaskData } from '@/lib/api/generated';
import { cn } from '@/lib/cn';
import { useFormat } from '@/lib/format';
import { usePaths } from '@/lib/paths';

interface Stop {
  name: string;
  /** Where it leads; nothing while it is not there. */
  href?: string | undefined;
  facts: ReactNode[];
}

/** What became of a file, one thing after the other: each leads to what it tells of. */
export function Lineage({ file, task }: { file: ResourceFileData; task: ResourceTaskData | undefined }) {
  const t = useTranslations('lineage');
  const format = useFormat();
  const paths = usePaths();
  const dataset = paths.dataset(file.uid);
  const data = task?.data;
  const cleaned = Boolean(data?.file_cleaned), analysed = Boolean(data?.file_analysed);
  const made = task && <Link key="t" className="link" href={paths.task(task.uid)}>{t('byTask')}</Link>;
  const stops: Stop[] = [
    { name: t('original'), href: dataset, facts: [t('rows', { rows: file.data.row_count }), t('uploaded', { at: format.dateTime(file.createdAt) })] },
    { name: t('cleaned'), href: cleaned ? `${dataset}&stage=cleaned` : undefined, facts: cleaned ? [t('duplicates', { count: data?.counts.duplicates_removed ?? 0 }), made] : [t('notYet')] },
    { name: t('analysed'), href: analysed ? `${dataset}&stage=analysed` : undefined, facts: analysed && data ? [data.models_used.join(', ') || data.model, data.finished_at && format.dateTime(data.finished_at)] : [t('notYet')] },
    { name: t('charts'), href: analysed ? paths.analysisOf(file.uid) : undefined, facts: [analysed ? t('open') : t('notYet')] },
  ];
  return (
    <ol aria-label={t('title')} className="gutter grid gap-y-2 border-b py-3 md:grid-cols-4">
      {stops.map(({ name, href, facts }, at) => (
        <li key={name} className="flex min-w-0 items-stretch max-md:flex-col">
          {at > 0 && <ArrowRight aria-hidden className="size-4 shrink-0 self-center text-muted-foreground max-md:rotate-90 md:mx-2" />}
          <div className={cn('min-w-0 flex-1 rounded-lg border px-3 py-2', !href && 'border-dashed text-muted-foreground')}>
            <p className="truncate font-medium">{href ? <Link className="link" href={href}>{name}</Link> : name}</p>
            {facts.filter(Boolean).map((fact, i) => <p key={i} className="truncate text-xs text-muted-foreground">{fact}</p>)}
          </div>
        </li>
      ))}
    </ol>
  );
}
