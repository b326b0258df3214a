import { useTranslations } from 'next-intl';
import { cn } from '@/lib/cn';

export const SENTIMENTS = ['negative', 'neutral', 'positive'] as const;
export type Sentiment = (typeof SENTIMENTS)[number];
export const PRIORITIES = [2, 1, 0] as const;
export type Priority = (typeof PRIORITIES)[number];
export const priorityName = { 2: 'high', 1: 'normal', 0: 'low' } as const;

const shapes: Record<Sentiment, string> = { negative: 'M0 1.2h10L5 9.6z', neutral: 'M1 1h8v8H1z', positive: 'M0 8.8h10L5 .4z' };
/** How the marks of a sentiment are filled. */
export const sentimentFills: Record<Sentiment, string> = { negative: 'fill-sentiment-negative', neutral: 'fill-sentiment-neutral', positive: 'fill-sentiment-positive' };
const inks: Record<Sentiment, string> = { negative: 'text-sentiment-negative-text', neutral: 'text-sentiment-neutral-text', positive: 'text-sentiment-positive-text' };

export function SentimentMark({ sentiment }: { sentiment: Sentiment }) {
  return <svg viewBox="0 0 10 10" aria-hidden className={cn('size-[9px] shrink-0', sentimentFills[sentiment])}><path d={shapes[sentiment]} /></svg>;
}

export function SentimentLabel({ sentiment, className }: { sentiment: Sentiment; className?: string }) {
  const t = useTranslations('sentiment');
  return <span className={cn('inline-flex items-center gap-1.5 text-xs font-medium whitespace-nowrap', inks[sentiment], className)}><SentimentMark sentiment={sentiment} />{t(sentiment)}</span>;
}

/** Three rising bars: priority is ink, never hue. */
export function PriorityLabel({ priority, className }: { priority: Priority; className?: string }) {
  const t = useTranslations('priority');
  return (
    <span className={cn('inline-flex items-center gap-1.5 text-xs font-medium whitespace-nowrap', className)}>
      <svg viewBox="0 0 12 12" aria-hidden className="size-3 shrink-0">
        {[[0, 8, 4], [4.5, 4.5, 7.5], [9, 1, 11]].map(([x, y, height], level) => (
          <rect key={x} x={x} y={y} width="3" height={height} rx=".6" className={level <= priority ? 'fill-foreground' : 'fill-border'} />
        ))}
      </svg>
      {t(priorityName[priority])}
    </span>
  );
}
