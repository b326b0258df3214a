'use client';

import { useTranslations } from 'next-intl';
import { useMemo, useState } from 'react';
import { SentimentLabel, SENTIMENTS, sentimentFills, type Sentiment } from '@/components/labels';
import { Segmented } from '@/components/ui/segmented';
import { useFormat } from '@/lib/format';
import type { Query } from './filters';
import { Frame } from './frame';
import { countTicks, pinsOf, stepsOf, ticksOf, type Step } from './steps';
import { CHART_HEIGHT, TimeBars } from './time-bars';
import type { Analysis, Spike } from './types';

interface TimeChartProps { analysis: Analysis; file: string; unavailable: string | undefined; selected: Query | null; onOpen: (behind: Query) => void; className?: string }

/** Sentiment as it goes: stacks begin at negative, so that the series that matters has a flat base. */
export function TimeChart({ analysis, file, unavailable, selected, onOpen, className }: TimeChartProps) {
  const t = useTranslations('charts');
  const words = useTranslations('sentiment');
  const { points } = analysis.series.sentiment_over_time;
  const granularity = analysis.series.sentiment_over_time.granularity ?? 'day';
  const format = useFormat(analysis.filters.tz);
  const [view, setView] = useState<'count' | 'share'>('count');

  const steps = useMemo(() => stepsOf(points, analysis.filters.to), [points, analysis.filters.to]);
  const name = { hour: format.dayTime, day: format.weekdayYear, week: format.date, month: format.month, year: (at: string) => at.slice(0, 4) }[granularity];
  const tick = { hour: format.time, day: format.day, week: format.day, month: format.month, year: (at: string) => at.slice(0, 4) }[granularity];
  const first = steps.find(({ total }) => total > 0)?.at;
  const behind = (step: Step, sentiment: Sentiment): Query => ({ from: step.from, ...(step.to && { to: step.to }), sentiment });
  const isSelected = (step: Step, sentiment: Sentiment) => selected?.from === step.from && selected.to === step.to && (selected.sentiment ?? sentiment) === sentiment;
  const anySelected = selected?.from !== undefined && steps.some((step) => step.from === selected.from && step.to === selected.to);

  const ticks = view === 'share' ? [0, 50, 100] : countTicks(Math.max(0, ...steps.map(({ total }) => total)));
  const pins = useMemo(() => pinsOf(analysis.spikes, steps, granularity !== 'hour'), [analysis.spikes, steps, granularity]);
  const spikeText = (spike: Spike) => (spike.expected > 0 ? t('spike', { posts: spike.posts, times: format.decimal(spike.posts / spike.expected) }) : t('spikeFromNothing', { posts: spike.posts }));
  const twin = { columns: [t(`steps.${granularity}`), ...SENTIMENTS.map((one) => words(one)), t('labelledColumn')], rows: steps.map((step) => [name(step.from), step.negative, step.neutral, step.positive, step.total]) };

  return (
    <Frame
      drawn
      title={t('time')}
      base={t(`per.${granularity}`, { count: steps.reduce((sum, { total }) => sum + total, 0) })}
      file={file}
      twin={twin}
      unavailable={unavailable}
      className={className}
      around={{ legend: SENTIMENTS.map((one) => ({ name: words(one), fill: sentimentFills[one] })), notes: view === 'count' ? pins.map(({ number, spike }) => `${number}  ${format.weekday(spike.from)}, ${spike.topic}: ${spikeText(spike)}`) : [] }}
      actions={<Segmented label={t('view')} value={view} onChange={setView} options={[{ value: 'count', label: t('count') }, { value: 'share', label: t('share') }]} className="mr-1" />}
    >
      <div className="mb-2 flex flex-wrap gap-x-3.5 gap-y-1">{SENTIMENTS.map((one) => <SentimentLabel key={one} sentiment={one} />)}</div>
      <div style={{ minHeight: CHART_HEIGHT }} className="relative flex-1 [&_.recharts-surface]:overflow-visible">
        <div className="absolute inset-0">
          <TimeBars
            steps={steps}
            shown={view}
            ticks={{ count: ticks, time: ticksOf(steps, granularity, analysis.filters.tz), tell: tick }}
            pins={view === 'count' ? pins : []}
            name={name}
            first={first}
            isSelected={isSelected}
            anySelected={anySelected}
            onOpen={(step, sentiment) => onOpen(behind(step, sentiment))}
          />
        </div>
      </div>
      {pins.length > 0 && (
        <ol className="mt-3 grid gap-1">
          {pins.map(({ number, spike }) => (
            <li key={number} className="flex gap-2">
              <span aria-hidden className="grid size-4 shrink-0 translate-y-0.5 place-items-center rounded-full bg-foreground text-[10px] font-semibold text-background">{number}</span>
              <button type="button" className="rounded-sm text-left hover:underline" onClick={() => onOpen({ from: spike.from, to: spike.to, topic: spike.topic })}>
                <span className="font-medium">{format.weekday(spike.from)}, {spike.topic}</span> <span className="text-muted-foreground">{spikeText(spike)}</span>
              </button>
            </li>
          ))}
        </ol>
      )}
    </Frame>
  );
}
