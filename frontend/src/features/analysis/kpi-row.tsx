'use client';

import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { Change } from './change';
import { useFormat } from '@/lib/format';
import type { Query } from './filters';
import { useReason } from './reason';
import type { Analysis } from './types';

interface KpiRowProps { now: Analysis; before: Analysis | undefined; onOpen: (behind: Query) => void }

export function KpiRow({ now, before, onOpen }: KpiRowProps) {
  const t = useTranslations('kpi');
  const format = useFormat();
  const { kpis } = now, then = before?.kpis;
  const base = Math.min(kpis.labelled, then?.labelled ?? 0), posts = Math.min(kpis.posts, then?.posts ?? 0);
  const share = (value: number | null | undefined) => (value == null ? '–' : format.percent(value));
  const from = (text: string | null) => text != null && <span>{t('from', { before: text })}</span>;
  const why = useReason(now);
  return (
    <ul className="grid grid-cols-2 border-b md:grid-cols-3 lg:grid-cols-6 print:grid-cols-6" aria-label={t('title')}>
      <Tile name={t('posts')} value={format.count(kpis.posts)} onOpen={() => onOpen({})}>
        {then ? <><Change now={kpis.posts} before={then.posts} as="percent" base={posts} />{from(format.count(then.posts))}</> : kpis.users != null && t('users', { count: kpis.users })}
      </Tile>
      <Tile name={t('negative')} value={share(kpis.negative_share)} onOpen={() => onOpen({ sentiment: 'negative' })}>
        {then ? <><Change now={kpis.negative_share} before={then.negative_share} as="points" worse="up" base={base} />{from(share(then.negative_share))}</> : t('negativePosts', { count: kpis.negative })}
      </Tile>
      <Tile name={t('net')} value={kpis.net_sentiment == null ? '–' : format.decimal(kpis.net_sentiment)} onOpen={() => onOpen({})}>
        {then ? <><Change now={kpis.net_sentiment} before={then.net_sentiment} as="units" worse="down" base={base} />{then.net_sentiment != null && from(format.decimal(then.net_sentiment))}</> : t('netText')}
      </Tile>
      <Tile name={t('high')} value={format.count(kpis.high_priority)} aside={kpis.high_priority_share == null ? undefined : format.percent(kpis.high_priority_share)} onOpen={() => onOpen({ priority: '2' })}>
        {then ? <><Change now={kpis.high_priority_share} before={then.high_priority_share} as="points" worse="up" base={base} />{from(share(then.high_priority_share))}</> : t('highText')}
      </Tile>
      <Tile name={t('coverage')} value={share(kpis.coverage)} onOpen={() => onOpen({ outcome: 'labelled' })}>
        {t.rich('coverageText', { failed: kpis.failed, skipped: kpis.skipped, f: (chunks) => <Part posts={kpis.failed} onOpen={() => onOpen({ outcome: 'failed' })}>{chunks}</Part>, s: (chunks) => <Part posts={kpis.skipped} onOpen={() => onOpen({ outcome: 'skipped' })}>{chunks}</Part> })}
      </Tile>
      <Tile name={t('engagement')} value={kpis.engagement == null ? '–' : format.count(kpis.engagement)} title={why('engagement')} onOpen={() => onOpen({})}>
        {kpis.engagement == null ? t('unavailable') : then ? <><Change now={kpis.engagement} before={then.engagement} as="percent" base={posts} />{kpis.engagement_per_post != null && <span>{t('perPost', { value: format.decimal(kpis.engagement_per_post) })}</span>}</> : kpis.engagement_per_post != null && t('perPost', { value: format.decimal(kpis.engagement_per_post) })}
      </Tile>
    </ul>
  );
}

interface TileProps { name: string; value: string; aside?: string | undefined; title?: string | undefined; onOpen: () => void; children: ReactNode }

function Tile({ name, value, aside, title, onOpen, children }: TileProps) {
  const t = useTranslations('kpi');
  return (
    <li className="group relative flex min-w-0 flex-col px-4 py-3.5 text-xs text-muted-foreground hover:bg-muted lg:first:pl-(--gutter) max-md:py-2.5 border-border not-first:border-l max-md:odd:border-l-0 max-md:nth-[n+3]:border-t md:max-lg:nth-[4]:border-l-0 md:max-lg:nth-[n+4]:border-t print:border-t-0! print:not-first:border-l!">
      <button type="button" onClick={onOpen} title={title ?? t('open')} className="text-left outline-none after:absolute after:inset-0 focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-ring">
        <span className="block">{name}</span>
        <span className="flex items-baseline gap-1.5"><span className="tabular text-2xl font-semibold tracking-tight whitespace-nowrap text-foreground max-md:text-xl">{value}</span>{aside && <span className="tabular text-sm">{aside}</span>}</span>
      </button>
      <p className="tabular flex flex-wrap gap-x-1.5">{children}</p>
    </li>
  );
}

/** A number in the line below a figure, which opens its own posts. */
function Part({ posts, onOpen, children }: { posts: number; onOpen: () => void; children: ReactNode }) {
  return posts > 0 ? <button type="button" onClick={onOpen} className="link relative z-1">{children}</button> : <span>{children}</span>;
}
