'use client';

import { Eye, Heart, MessageCircle, Repeat2, type LucideIcon } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { PRIORITIES, PriorityLabel, SENTIMENTS, SentimentLabel } from '@/components/labels';
import { useFormat } from '@/lib/format';
import type { Post } from './types';

const NOTHING = new Set(['', 'null']);
const COUNTS: [string, LucideIcon, 'likes' | 'reposts' | 'replies' | 'views'][] = [['favorite_count', Heart, 'likes'], ['retweet_count', Repeat2, 'reposts'], ['reply_count', MessageCircle, 'replies'], ['views_count', Eye, 'views']];

/** One post as it was written, never cut, with its labels and what readers did. */
export function PostItem({ post, textColumn, timeZone }: { post: Post; textColumn: string; timeZone: string }) {
  const t = useTranslations('posts');
  const format = useFormat(timeZone);
  const value = (name: string) => { const text = post[name]?.trim() ?? ''; return NOTHING.has(text) ? null : text; };
  const sentiment = SENTIMENTS.find((one) => one === value('sentiment'));
  const priority = PRIORITIES.find((one) => String(one) === value('priority'));
  const at = value('created_at'), time = at ? Date.parse(at.replace(/^(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?) ([+-]\d\d:\d\d)$/, '$1T$2$3')) : Number.NaN;
  const counts = COUNTS.flatMap(([column, Icon, name]) => { const text = value(column); return text && /^\d+$/.test(text) ? [{ Icon, name, count: Number(text) }] : []; });
  const author = value('name') ?? value('screen_name'), handle = value('screen_name'), topic = value('main_topic'), failure = value('enrichment_error');
  return (
    <article className="border-b py-3 last:border-b-0">
      <p className="flex flex-wrap items-center gap-x-2.5 gap-y-1 text-xs text-muted-foreground">
        {author && <span className="font-medium text-foreground">{author}</span>}
        {handle && <span>@{handle}</span>}
        {at && <time className="tabular ml-auto" dateTime={Number.isNaN(time) ? undefined : new Date(time).toISOString()}>{Number.isNaN(time) ? at : format.dateTime(time)}</time>}
      </p>
      <p className="mt-1 mb-1.5 max-w-[640px] text-base text-pretty break-words whitespace-pre-wrap">{value(textColumn) ?? <span className="text-muted-foreground">{t('noText')}</span>}</p>
      <p className="flex flex-wrap items-center gap-x-2.5 gap-y-1 text-xs text-muted-foreground">
        {sentiment && <SentimentLabel sentiment={sentiment} />}
        {priority !== undefined && <PriorityLabel priority={priority} className="text-foreground" />}
        {topic && <span className="rounded-sm border px-1.5 leading-[18px]">{topic}</span>}
        {!sentiment && <span>{failure ? t('failed', { reason: failure }) : t('unlabelled')}</span>}
        <span className="tabular ml-auto flex gap-x-3">
          {counts.map(({ Icon, name, count }) => <span key={name} className="flex items-center gap-1" title={t(name, { count })}><Icon aria-hidden className="size-3.5" strokeWidth={1.5} /><span className="sr-only">{t(name, { count })}</span><span aria-hidden>{format.compact(count)}</span></span>)}
        </span>
      </p>
    </article>
  );
}
