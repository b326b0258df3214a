'use client';

import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { getOverviewOptions } from '@/lib/api/generated/@tanstack/react-query.gen';
import { useFormat } from '@/lib/format';

/** What all datasets come to, as the server counts it; nothing while it does not tell. */
export function PlatformFigures() {
  const t = useTranslations('platform');
  const format = useFormat();
  const { data } = useQuery({ ...getOverviewOptions(), staleTime: 30_000, retry: false });
  if (!data) return null;
  const { files, results, tasks } = data;
  const figures: [string, string, string][] = [
    ...(files ? [[t('datasets'), format.count(files.files), t('datasetsText', { count: files.analysed })], [t('rows'), format.count(files.rows), format.bytes(files.bytes)]] as [string, string, string][] : []),
    ...(results ? [
      [t('labelled'), format.count(results.labelled), t('labelledText', { failed: results.failed, skipped: results.skipped })],
      [t('negative'), results.negative_share == null ? '–' : format.percent(results.negative_share), t('negativeText', { count: results.negative })],
      [t('net'), results.net_sentiment == null ? '–' : format.decimal(results.net_sentiment), t('netText')],
    ] as [string, string, string][] : []),
    ...(tasks ? [[t('spent'), format.money(tasks.spend.cost ?? '0'), t('spentText', { count: tasks.tasks })]] as [string, string, string][] : []),
  ];
  if (figures.length === 0) return null;
  return (
    <dl className="grid grid-cols-2 border-b md:grid-cols-3 lg:grid-cols-6">
      {figures.map(([name, value, text]) => (
        <div key={name} className="min-w-0 border-border px-4 py-3.5 first:pl-(--gutter) not-first:border-l max-md:odd:border-l-0 max-md:nth-[n+3]:border-t md:max-lg:nth-[4]:border-l-0 md:max-lg:nth-[n+4]:border-t">
          <dt className="text-xs text-muted-foreground">{name}</dt>
          <dd><span className="tabular block text-2xl font-semibold tracking-tight whitespace-nowrap max-md:text-xl">{value}</span><span className="tabular block text-xs text-muted-foreground">{text}</span></dd>
        </div>
      ))}
    </dl>
  );
}
