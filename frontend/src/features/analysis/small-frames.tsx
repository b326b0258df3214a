'use client';

import { useTranslations } from 'next-intl';
import { Button } from '@/components/ui/button';
import { PRIORITIES, PriorityLabel, priorityName, SentimentLabel, SENTIMENTS, sentimentFills, type Sentiment } from '@/components/labels';
import { useFormat } from '@/lib/format';
import type { Query } from './filters';
import { Frame } from './frame';
import { PaperTable } from './paper-table';
import { PostItem } from './post-item';
import type { Analysis } from './types';

interface SmallFrameProps { analysis: Analysis; file: string; unavailable: string | undefined; onOpen: (behind: Query) => void; className?: string }

export function CriticalPosts({ analysis, textColumn, onOpen, className, file }: Omit<SmallFrameProps, 'unavailable'> & { textColumn: string }) {
  const t = useTranslations('charts');
  const { critical_posts: posts } = analysis.series;
  const columns = posts[0] ? Object.keys(posts[0]) : [];
  return (
    <Frame
      title={t('critical')}
      base={t('criticalBase')}
      file={file}
      twin={{ columns, rows: posts.map((post) => columns.map((column) => post[column] ?? '')) }}
      className={className}
      actions={analysis.kpis.high_priority > 0 && <Button variant="quiet" size="xs" onClick={() => onOpen({ priority: '2' })}>{t('allHigh', { count: analysis.kpis.high_priority })}</Button>}
    >
      {posts.length === 0 ? <p className="text-muted-foreground">{t('nothingCritical')}</p> : <div className="-mt-3">{posts.map((post, index) => <PostItem key={`${post.id ?? ''}-${index}`} post={post} textColumn={textColumn} timeZone={analysis.filters.tz} />)}</div>}
    </Frame>
  );
}

export function TopUsers({ analysis, file, unavailable, onOpen, className }: SmallFrameProps) {
  const t = useTranslations('charts');
  const format = useFormat();
  const users = analysis.series.top_users;
  const twin = { columns: [t('author'), t('postsColumn'), t('negativeColumn'), t('engagementColumn')], rows: users.map(({ screen_name, posts, negative, engagement }) => [screen_name, posts, negative, engagement]) };
  return (
    <Frame
      drawn
      title={t('users')}
      base={t('usersBase')}
      file={file}
      twin={twin}
      unavailable={unavailable}
      className={className}
      paper={<PaperTable head={twin.columns} barHead={t('negativeColumn')} rows={users.map((user) => ({ cells: [`@${user.screen_name}`, format.count(user.posts), format.count(user.negative), user.engagement == null ? '–' : format.count(user.engagement)], bar: [{ value: user.negative, fill: sentimentFills.negative }] }))} />}
    >
      <table className="table dense">
        <thead><tr><th scope="col">{t('author')}</th><th scope="col" className="num">{t('postsColumn')}</th><th scope="col" className="num">{t('negativeColumn')}</th><th scope="col" className="num">{t('engagementColumn')}</th></tr></thead>
        <tbody>
          {users.map((user) => (
            <tr key={user.screen_name}>
              <td className="max-w-0 w-1/2 truncate"><button type="button" onClick={() => onOpen({ user: user.screen_name })} className="max-w-full truncate rounded-sm text-left hover:underline">@{user.screen_name}</button></td>
              <td className="num"><button type="button" onClick={() => onOpen({ user: user.screen_name })} className="rounded-sm hover:underline">{format.count(user.posts)}</button></td>
              <td className="num font-medium">{user.negative > 0 ? <button type="button" onClick={() => onOpen({ user: user.screen_name, sentiment: 'negative' })} className="rounded-sm hover:underline">{format.count(user.negative)}</button> : 0}</td>
              <td className="num text-muted-foreground">{user.engagement == null ? '–' : format.count(user.engagement)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Frame>
  );
}

export function PriorityBySentiment({ analysis, file, unavailable, onOpen, className }: SmallFrameProps) {
  const t = useTranslations('charts');
  const words = useTranslations('sentiment'), levels = useTranslations('priority');
  const format = useFormat();
  const count = (priority: number, sentiment: Sentiment) => analysis.series.priority_by_sentiment.find((one) => one.priority === priority && one.sentiment === sentiment)?.posts ?? 0;
  const sum = (priority: number) => SENTIMENTS.reduce((all, sentiment) => all + count(priority, sentiment), 0);
  const twin = { columns: [t('priority'), ...SENTIMENTS.map((one) => words(one)), t('postsColumn')], rows: PRIORITIES.map((priority) => [levels(priorityName[priority]), ...SENTIMENTS.map((one) => count(priority, one)), sum(priority)]) };
  return (
    <Frame
      drawn
      title={t('prioritySentiment')}
      base={t('ofLabelled', { count: analysis.kpis.labelled })}
      file={file}
      twin={twin}
      unavailable={unavailable}
      className={className}
      around={{ legend: SENTIMENTS.map((one) => ({ name: words(one), fill: sentimentFills[one] })) }}
      paper={<PaperTable head={twin.columns} barHead={t('bySentiment')} rows={PRIORITIES.map((priority) => ({ cells: [levels(priorityName[priority]), ...SENTIMENTS.map((one) => format.count(count(priority, one))), format.count(sum(priority))], bar: SENTIMENTS.map((one) => ({ value: count(priority, one), fill: sentimentFills[one] })) }))} />}
    >
      <table className="table">
        <thead><tr><th scope="col">{t('priority')}</th>{SENTIMENTS.map((one) => <th key={one} scope="col" className="num">{words(one)}</th>)}<th scope="col" className="num">{t('postsColumn')}</th></tr></thead>
        <tbody>
          {PRIORITIES.map((priority) => (
            <tr key={priority}>
              <td><PriorityLabel priority={priority} /></td>
              {SENTIMENTS.map((sentiment) => <td key={sentiment} className="num"><button type="button" aria-label={t('doorOf', { name: `${levels(priorityName[priority])}, ${words(sentiment)}`, posts: count(priority, sentiment) })} onClick={() => onOpen({ priority: String(priority), sentiment })} className="rounded-sm hover:underline">{format.count(count(priority, sentiment))}</button></td>)}
              <td className="num text-muted-foreground"><button type="button" onClick={() => onOpen({ priority: String(priority) })} className="rounded-sm hover:underline">{format.count(sum(priority))}</button></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Frame>
  );
}

const surfaces: Record<Sentiment, string> = { negative: 'bg-sentiment-negative', neutral: 'bg-sentiment-neutral', positive: 'bg-sentiment-positive' };

export function EngagementBySentiment({ analysis, file, unavailable, onOpen, className }: SmallFrameProps) {
  const t = useTranslations('charts');
  const words = useTranslations('sentiment');
  const format = useFormat();
  const rows = analysis.series.engagement_by_sentiment.map((row) => ({ ...row, each: row.posts ? row.engagement / row.posts : 0 }));
  const most = Math.max(0.0001, ...rows.map(({ each }) => each));
  const twin = { columns: [t('sentimentColumn'), t('postsColumn'), t('engagementColumn'), t('aPost'), t('views')], rows: rows.map((row) => [words(row.sentiment), row.posts, row.engagement, Math.round(row.each * 100) / 100, row.reach]) };
  return (
    <Frame
      drawn
      title={t('engagement')}
      base={t('engagementBase')}
      file={file}
      twin={twin}
      unavailable={unavailable}
      className={className}
      paper={<PaperTable head={[t('sentimentColumn'), t('aPost'), t('totalColumn')]} barHead={t('aPost')} rows={rows.map((row) => ({ cells: [words(row.sentiment), format.decimal(row.each), format.count(row.engagement)], bar: [{ value: row.each, fill: sentimentFills[row.sentiment] }] }))} />}
    >
      <table className="table">
        <thead><tr><th scope="col">{t('sentimentColumn')}</th><th scope="col" className="w-2/5"><span className="sr-only">{t('aPost')}</span></th><th scope="col" className="num">{t('aPost')}</th><th scope="col" className="num">{t('totalColumn')}</th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.sentiment}>
              <td><button type="button" onClick={() => onOpen({ sentiment: row.sentiment })} className="rounded-sm hover:underline"><SentimentLabel sentiment={row.sentiment} /></button></td>
              <td><span aria-hidden className={`block h-3.5 min-w-0.5 rounded-mark ${surfaces[row.sentiment]}`} style={{ width: `${(100 * row.each) / most}%` }} /></td>
              <td className="num">{format.decimal(row.each)}</td>
              <td className="num text-muted-foreground">{format.count(row.engagement)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Frame>
  );
}

export function ResponseRate({ analysis, file, unavailable, onOpen, className }: SmallFrameProps) {
  const t = useTranslations('charts');
  const format = useFormat();
  const { answered_complaints: answered, unanswered_complaints: unanswered, response_rate: rate } = analysis.kpis;
  const count = (posts: number | null | undefined) => (posts == null ? '–' : format.count(posts));
  const twin = { columns: [t('responses'), t('postsColumn')], rows: [[t('answered'), answered], [t('unanswered'), unanswered]] };
  return (
    <Frame
      drawn
      title={t('responses')}
      base={t('responsesBase')}
      file={file}
      twin={twin}
      unavailable={unavailable}
      className={className}
      paper={<PaperTable head={twin.columns} rows={[{ cells: [t('answered'), count(answered)], bar: [{ value: answered ?? 0, fill: 'fill-foreground' }] }, { cells: [t('unanswered'), count(unanswered)], bar: [{ value: unanswered ?? 0, fill: 'fill-input' }] }]} />}
    >
      <button type="button" onClick={() => onOpen({ sentiment: 'negative' })} className="tabular rounded-sm text-2xl font-semibold tracking-tight hover:underline">{rate == null ? '–' : format.percent(rate)}</button>
      <dl className="mt-2">
        <div className="flex justify-between border-b py-1.5"><dt className="text-muted-foreground">{t('answered')}</dt><dd className="tabular">{answered == null ? '–' : <button type="button" onClick={() => onOpen({ sentiment: 'negative', answered: 'true' })} className="rounded-sm hover:underline">{format.count(answered)}</button>}</dd></div>
        <div className="flex justify-between py-1.5"><dt className="text-muted-foreground">{t('unanswered')}</dt><dd className="tabular">{unanswered == null ? '–' : <button type="button" onClick={() => onOpen({ sentiment: 'negative', answered: 'false' })} className="rounded-sm hover:underline">{format.count(unanswered)}</button>}</dd></div>
      </dl>
    </Frame>
  );
}
