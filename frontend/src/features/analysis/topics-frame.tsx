'use client';

import { useTranslations } from 'next-intl';
import { SENTIMENTS, sentimentFills, type Sentiment } from '@/components/labels';
import { cn } from '@/lib/cn';
import { useFormat } from '@/lib/format';
import { Change, SMALL } from './change';
import type { Query } from './filters';
import { Frame } from './frame';
import { PaperTable } from './paper-table';
import type { Analysis, Topic } from './types';

const surfaces: Record<Sentiment, string> = { negative: 'bg-sentiment-negative', neutral: 'bg-sentiment-neutral', positive: 'bg-sentiment-positive' };
const SHOWN = 14;

export function TopicsFrame({ now, before, file, unavailable, onOpen, className }: { now: Analysis; before: Analysis | undefined; file: string; unavailable: string | undefined; onOpen: (behind: Query) => void; className?: string }) {
  const t = useTranslations('charts');
  const words = useTranslations('sentiment');
  const format = useFormat();
  const { topics } = now.series;
  const most = Math.max(1, ...topics.map(({ posts }) => posts));
  const then = new Map(before?.series.topics.map((topic) => [topic.topic, topic]));
  const twin = { columns: [t('topic'), t('postsColumn'), ...SENTIMENTS.map((one) => words(one))], rows: topics.map(({ topic, posts, negative, neutral, positive }) => [topic, posts, negative, neutral, positive]) };
  return (
    <Frame
      drawn
      title={t('topics')}
      base={t('topicsBase', { count: topics.length })}
      file={file}
      twin={twin}
      unavailable={unavailable}
      className={className}
      around={{ legend: SENTIMENTS.map((one) => ({ name: words(one), fill: sentimentFills[one] })) }}
      paper={(
        <PaperTable
          head={[t('topic'), t('postsColumn'), t('negativeColumn')]}
          barHead={t('bySentiment')}
          rows={topics.slice(0, SHOWN).map((topic) => ({ cells: [topic.topic, format.count(topic.posts), topic.posts < SMALL ? t('smallBase') : format.percent(topic.negative / topic.posts)], bar: SENTIMENTS.map((one) => ({ value: topic[one], fill: sentimentFills[one] })) }))}
        />
      )}
    >
      <table className="table dense">
        <thead><tr><th scope="col">{t('topic')}</th><th scope="col" className="w-2/5 max-md:hidden">{t('bySentiment')}</th><th scope="col" className="num">{t('postsColumn')}</th><th scope="col" className="num">{t('negativeColumn')}</th>{before && <th scope="col" className="num">{t('changeColumn')}</th>}</tr></thead>
        <tbody>
          {topics.slice(0, SHOWN).map((topic) => {
            const small = topic.posts < SMALL, old = then.get(topic.topic);
            return (
              <tr key={topic.topic}>
                <td className="max-w-40 max-md:py-1.5">
                  <button type="button" onClick={() => onOpen({ topic: topic.topic })} className="block max-w-full truncate rounded-sm text-left hover:underline">{topic.topic}</button>
                  <TopicBar topic={topic} most={most} onOpen={onOpen} className="mt-1 h-2 md:hidden" />
                </td>
                <td className="max-md:hidden"><TopicBar topic={topic} most={most} onOpen={onOpen} className="h-3.5" /></td>
                <td className="num"><button type="button" onClick={() => onOpen({ topic: topic.topic })} className="rounded-sm hover:underline">{format.count(topic.posts)}</button></td>
                <td className="num">{small ? <span className="text-muted-foreground" title={t('smallBaseHint', { count: topic.posts })}>{t('smallBase')}</span> : <button type="button" onClick={() => onOpen({ topic: topic.topic, sentiment: 'negative' })} className="rounded-sm hover:underline">{format.percent(topic.negative / topic.posts)}</button>}</td>
                {before && <td className="num text-xs">{old && !small && old.posts > 0 ? <Change now={topic.negative / topic.posts} before={old.negative / old.posts} as="points" worse="up" base={Math.min(topic.posts, old.posts)} /> : '–'}</td>}
              </tr>
            );
          })}
        </tbody>
      </table>
    </Frame>
  );
}

/** A topic's posts by sentiment, as long as they are many; a small base has a dashed edge. */
function TopicBar({ topic, most, onOpen, className }: { topic: Topic; most: number; onOpen: (behind: Query) => void; className: string }) {
  const t = useTranslations('charts');
  const words = useTranslations('sentiment');
  return (
    <span className={cn('flex gap-px', topic.posts < SMALL && 'w-max outline-1 outline-offset-1 outline-input outline-dashed', className)} style={{ width: `${Math.max(2, (100 * topic.posts) / most)}%` }}>
      {SENTIMENTS.filter((one) => topic[one] > 0).map((one) => (
        <button
          key={one}
          type="button"
          tabIndex={-1}
          aria-label={t('doorOf', { name: `${topic.topic}, ${words(one)}`, posts: topic[one] })}
          title={t('doorOf', { name: words(one), posts: topic[one] })}
          onClick={() => onOpen({ topic: topic.topic, sentiment: one })}
          className={cn('h-full min-w-0.5 hover:opacity-80 first:rounded-l-mark last:rounded-r-mark', surfaces[one])}
          style={{ flexGrow: topic[one] }}
        />
      ))}
    </span>
  );
}
