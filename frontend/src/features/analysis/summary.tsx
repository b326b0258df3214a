'use client';

import { Info } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useFormat } from '@/lib/format';
import { SMALL } from './change';
import type { Query } from './filters';
import type { Analysis } from './types';

const DAYS = 3;

/** One sentence or two, made from the figures by rule. */
export function Summary({ now, before, onOpen }: { now: Analysis; before: Analysis | undefined; onOpen: (behind: Query) => void }) {
  const t = useTranslations('summary');
  const format = useFormat(now.filters.tz);
  const { kpis } = now, share = kpis.negative_share, then = before?.kpis.negative_share;
  if (share == null || kpis.labelled < SMALL) return null;
  const b = (chunks: React.ReactNode) => <b className="font-medium text-foreground">{chunks}</b>;
  const points = then != null && (before?.kpis.labelled ?? 0) >= SMALL ? 100 * (share - then) : null;
  const topic = now.series.topics.toSorted((x, y) => y.negative - x.negative)[0];
  const days = [...new Map(now.spikes.map((spike) => [spike.from, spike])).values()].slice(0, DAYS).sort((x, y) => x.from.localeCompare(y.from));
  return (
    <p className="gutter flex gap-2.5 border-b py-2 text-muted-foreground">
      <Info aria-hidden className="mt-0.5 size-4 shrink-0" strokeWidth={1.5} />
      <span className="min-w-0">
        {points === null ? t.rich('share', { share: format.percent(share), labelled: kpis.labelled, b }) : Math.abs(points) < 1 ? t.rich('steady', { share: format.percent(share), b }) : t.rich(points > 0 ? 'rose' : 'fell', { points: format.decimal(Math.abs(points)), share: format.percent(share), b })}{' '}
        {topic && topic.negative > 0 && t.rich('topic', { topic: topic.topic, count: topic.negative, b, door: (chunks) => <button type="button" className="link text-foreground" onClick={() => onOpen({ topic: topic.topic, sentiment: 'negative' })}>{chunks}</button> })}{' '}
        {days.length > 0 && <>{t('spikes', { count: days.length })} {days.map((spike, index) => <span key={spike.from}>{index > 0 && ', '}<button type="button" className="link text-foreground" onClick={() => onOpen({ from: spike.from, to: spike.to, topic: spike.topic })}>{format.day(spike.from)}</button> ({spike.topic})</span>)}.</>}
      </span>
    </p>
  );
}
