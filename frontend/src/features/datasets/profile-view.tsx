'use client';

import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { ProblemAlert } from '@/components/problem-alert';
import { Arc } from '@/components/task-status';
import { Skeleton } from '@/components/ui/skeleton';
import { useFormat } from '@/lib/format';
import { ColumnRow, Histogram } from './column-profile';
import { useProfile, type Stage } from './use-profile';

/** What every column of a stage holds, and what the texts are like. */
export function ProfileView({ id, stage }: { id: string; stage: Stage }) {
  const t = useTranslations('profileOf');
  const format = useFormat();
  const profile = useProfile(id, stage);
  if (profile.error) return <div className="gutter max-w-[760px] py-4"><ProblemAlert problem={profile.error} onRetry={() => void profile.refetch()} /></div>;
  if (profile.data === null) return <p role="status" className="gutter flex items-center gap-2 py-4"><Arc className="text-status-running" />{t('reading')}</p>;
  if (!profile.data) return <div className="gutter grid gap-2 py-4"><Skeleton className="h-8" /><Skeleton className="h-80" /></div>;
  const { rows, columns, text } = profile.data;
  const about = (estimate: boolean, value: number) => `${estimate ? '≈ ' : ''}${format.count(value)}`;
  const facts: [string, ReactNode][] = text ? [
    [t('text.unique'), about(text.unique_is_estimate, text.unique)],
    [t('text.duplicates'), about(text.unique_is_estimate, text.duplicates)],
    [t('text.empty'), format.count(text.empty)],
    [t('text.tokens'), `≈ ${format.count(text.estimated_tokens)}`],
    [t('text.languages', { sampled: text.sampled }), text.languages.slice(0, 3).map(({ language, share }) => `${language} ${format.percent(share)}`).join(', ') || '–'],
  ] : [];
  return (
    <div>
      {text && (
        <section aria-label={t('text.title', { column: text.column })} className="grid border-b lg:grid-cols-[minmax(0,1fr)_352px]">
          <dl className="grid grid-cols-2 md:grid-cols-5">
            {facts.map(([name, value]) => <div key={name} className="min-w-0 border-border px-4 py-3 first:pl-(--gutter) not-first:border-l max-md:odd:border-l-0 max-md:nth-[n+3]:border-t max-md:odd:pl-(--gutter)"><dt className="text-xs text-muted-foreground">{name}</dt><dd className="tabular">{value}</dd></div>)}
          </dl>
          <figure aria-label={t('text.lengths')} className="gutter py-3 max-lg:border-t lg:border-l">
            <figcaption className="text-xs text-muted-foreground">{t('text.lengths')}{text.lengths.length > 0 && `, ${text.lengths[0]?.from} – ${text.lengths.at(-1)?.to}`}</figcaption>
            <Histogram bins={text.lengths} label={t('text.lengths')} className="mt-1" />
          </figure>
        </section>
      )}
      <table className="table full">
        <thead><tr><th scope="col">{t('column')}</th><th scope="col" className="num">{t('filledColumn')}</th><th scope="col" className="num">{t('distinctColumn')}</th><th scope="col" className="max-lg:hidden">{t('range')}</th><th scope="col" className="max-md:hidden">{t('values')}</th><th scope="col" className="max-md:hidden">{t('frequent')}</th></tr></thead>
        <tbody>{columns.map((column) => <ColumnRow key={column.name} column={column} rows={rows} />)}</tbody>
      </table>
    </div>
  );
}
