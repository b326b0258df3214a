'use client';

import { useLocale, useTranslations } from 'next-intl';
import { useState } from 'react';
import { PriorityLabel, SentimentLabel, type Priority, type Sentiment } from '@/components/labels';
import { ProblemAlert } from '@/components/problem-alert';
import { SidePanel, SidePanelHeader } from '@/components/side-panel';
import { Button } from '@/components/ui/button';
import { Select } from '@/components/ui/field';
import { Skeleton } from '@/components/ui/skeleton';
import { weekdayName, useFormat } from '@/lib/format';
import type { Query } from './filters';
import { PostItem } from './post-item';
import { usePostPages, type PostSort } from './queries';

const SORTS: PostSort[] = ['-critical', '-created_at', '-engagement'];

interface PostsPanelProps {
  file: string;
  textColumn: string;
  timeZone: string;
  /** The filters of the page with those of the mark on top; null while nothing was pressed. */
  query: Query | null;
  onClose: () => void;
}

/** The posts behind a number, beside the page: the charts stay usable. On narrow screens it comes from below. */
export function PostsPanel({ query, onClose, ...props }: PostsPanelProps) {
  const t = useTranslations('posts');
  return (
    <SidePanel open={query !== null} of={query} label={t('title')} onClose={onClose}>
      {query && <Posts {...props} query={query} />}
    </SidePanel>
  );
}

function Posts({ file, textColumn, timeZone, query }: Omit<PostsPanelProps, 'query' | 'onClose'> & { query: Query }) {
  const t = useTranslations('posts');
  const format = useFormat(timeZone);
  const [sort, setSort] = useState<PostSort>('-critical');
  const posts = usePostPages(file, query, sort);
  const items = posts.data?.pages.flatMap((page) => page.items) ?? [];
  const total = posts.data?.pages[0]?.total;
  const locale = useLocale();
  const week = [query.weekday && weekdayName(locale, Number(query.weekday)), query.hour && t('hour', { hour: query.hour })].filter(Boolean).join(' ');
  const time = [query.from, query.to].map((at) => at && (/T/.test(at) ? format.dayTime(at) : at));
  return (
    <>
      <SidePanelHeader
        title={t('title')}
        below={(
          <div className="mt-2 flex flex-wrap items-center gap-1.5 text-xs">
            {query.sentiment && <span className="rounded-md border px-2 py-0.5"><SentimentLabel sentiment={query.sentiment as Sentiment} /></span>}
            {query.priority && <span className="rounded-md border px-2 py-0.5"><PriorityLabel priority={Number(query.priority) as Priority} /></span>}
            {[query.topic, query.user && `@${query.user}`, query.q && `“${query.q}”`, week, query.outcome && t(`outcomes.${query.outcome as 'labelled'}`), query.answered && t(query.answered === 'true' ? 'answered' : 'unanswered')].filter(Boolean).map((text) => <span key={text} className="max-w-full truncate rounded-md border px-2 py-0.5">{text}</span>)}
            {(time[0] ?? time[1]) && <span className="rounded-md border px-2 py-0.5">{time[0] && time[1] ? t('between', { from: time[0], to: time[1] }) : time[0] ? t('since', { from: time[0] }) : t('until', { to: time[1] ?? '' })}</span>}
            <Select aria-label={t('sort')} value={sort} onChange={(event) => setSort(SORTS.find((one) => one === event.target.value) ?? '-critical')} className="ml-auto h-6 w-auto border-border text-xs max-md:h-8">{SORTS.map((one) => <option key={one} value={one}>{t(`sorts.${one}`)}</option>)}</Select>
          </div>
        )}
      >
        <p role="status" className="tabular text-xs text-muted-foreground">{total === undefined ? t('loading') : t('total', { count: total })}</p>
      </SidePanelHeader>
      <div className="relative min-h-0 flex-1 overflow-y-auto px-5 focus-visible:-outline-offset-2 max-md:px-4" tabIndex={0} role="region" aria-label={t('list')}>
        {posts.error && <ProblemAlert problem={posts.error} onRetry={() => void posts.refetch()} className="my-4" />}
        {posts.isPending && <div className="grid gap-4 py-4">{[0, 1, 2, 3].map((row) => <Skeleton key={row} className="h-20" />)}</div>}
        {total === 0 && <p className="py-6 text-muted-foreground">{t('none')}</p>}
        {items.map((post, index) => <PostItem key={`${post.id ?? ''}-${index}`} post={post} textColumn={textColumn} timeZone={timeZone} />)}
      </div>
      {total !== undefined && total > 0 && (
        <footer className="flex items-center gap-2 border-t px-5 py-2.5 max-md:px-4">
          <span className="tabular flex-1 text-xs text-muted-foreground">{t('shown', { shown: items.length, total })}</span>
          {posts.hasNextPage && <Button size="sm" disabled={posts.isFetchingNextPage} onClick={() => void posts.fetchNextPage()}>{t('more')}</Button>}
        </footer>
      )}
    </>
  );
}
