'use client';

import { useTranslations } from 'next-intl';
import { useMemo, useState } from 'react';
import { Bar, BarChart, CartesianGrid, ReferenceDot, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { SentimentLabel, SENTIMENTS, type Sentiment } from '@/components/labels';
import { Segmented } from '@/components/ui/segmented';
import { useFormat } from '@/lib/format';
import type { Query } from './filters';
import { Frame } from './frame';
import { door } from './marks';
import { SMALL } from './change';
import type { Analysis, Point, Spike } from './types';

interface TimeChartProps { analysis: Analysis; file: string; unavailable: string | undefined; selected: Query | null; onOpen: (behind: Query) => void; className?: string }

interface Step extends Point { to: string | undefined; total: number; at: number; shares: Record<Sentiment, number> }

const fills: Record<Sentiment, string> = { negative: 'fill-sentiment-negative', neutral: 'fill-sentiment-neutral', positive: 'fill-sentiment-positive' };
const HEIGHT = 332, PINS = 3, TICKS = 9;

/** Sentiment as it goes: stacks begin at negative, so that the series that matters has a flat base. */
export function TimeChart({ analysis, file, unavailable, selected, onOpen, className }: TimeChartProps) {
  const t = useTranslations('charts');
  const words = useTranslations('sentiment');
  const { points } = analysis.series.sentiment_over_time;
  const granularity = analysis.series.sentiment_over_time.granularity ?? 'day';
  const format = useFormat(analysis.filters.tz);
  const [view, setView] = useState<'count' | 'share'>('count');

  const steps = useMemo(() => points.map((point, at): Step => {
    const total = point.negative + point.neutral + point.positive;
    const share = (count: number) => (total ? (100 * count) / total : 0);
    return { ...point, at, total, to: points[at + 1]?.from ?? analysis.filters.to ?? undefined, shares: { negative: share(point.negative), neutral: share(point.neutral), positive: share(point.positive) } };
  }), [points, analysis.filters.to]);
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
      around={{ legend: SENTIMENTS.map((one) => ({ name: words(one), fill: fills[one] })), notes: view === 'count' ? pins.map(({ number, spike }) => `${number}  ${format.weekday(spike.from)}, ${spike.topic}: ${spikeText(spike)}`) : [] }}
      actions={<Segmented label={t('view')} value={view} onChange={setView} options={[{ value: 'count', label: t('count') }, { value: 'share', label: t('share') }]} className="mr-1" />}
    >
      <div className="mb-2 flex flex-wrap gap-x-3.5 gap-y-1">{SENTIMENTS.map((one) => <SentimentLabel key={one} sentiment={one} />)}</div>
      <div style={{ minHeight: HEIGHT }} className="relative flex-1 [&_.recharts-surface]:overflow-visible">
        <div className="absolute inset-0">
          <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 320, height: HEIGHT }}>
            <BarChart data={steps} accessibilityLayer={false} margin={{ top: 24, right: 0, bottom: 0, left: 0 }} barCategoryGap={steps.length > 60 ? 1 : '9%'}>
              <CartesianGrid vertical={false} stroke="var(--chart-grid)" />
              <XAxis dataKey="from" tickFormatter={tick} tick={{ fontSize: 11, fill: 'var(--chart-axis)' }} tickLine={false} axisLine={{ stroke: 'var(--input)' }} minTickGap={36} interval="preserveStart" ticks={ticksOf(steps, granularity, analysis.filters.tz)} tickMargin={6} />
              <YAxis width={44} ticks={ticks} domain={[0, ticks.at(-1) ?? 1]} tickFormatter={(value: number) => (view === 'share' ? format.percent(value / 100).replace(/[.,]0/, '') : format.count(value))} tick={{ fontSize: 11, fill: 'var(--chart-axis)' }} tickLine={false} axisLine={false} />
              <Tooltip isAnimationActive={false} cursor={{ fill: 'var(--foreground)', opacity: 0.05 }} content={({ active, payload }) => { const step = payload?.[0]?.payload as Step | undefined; return active && step ? <Tip title={name(step.from)} step={step} /> : null; }} />
              {SENTIMENTS.map((sentiment) => (
                <Bar
                  key={sentiment}
                  stackId="posts"
                  dataKey={(step: Step) => (view === 'share' ? step.shares[sentiment] : step[sentiment])}
                  name={sentiment}
                  isAnimationActive={false}
                  shape={(props: { x?: number; y?: number; width?: number; height?: number; payload?: Step }) => {
                    const { x = 0, y = 0, width = 0, height = 0, payload: step } = props;
                    if (!step || height <= 0) return <g />;
                    const chosen = isSelected(step, sentiment);
                    return (
                      <g {...door(t('doorOf', { name: `${words(sentiment)}, ${name(step.from)}`, posts: step[sentiment] }), step.at === first && sentiment === SENTIMENTS.find((one) => step[one] > 0), () => onOpen(behind(step, sentiment)))} opacity={anySelected && !chosen ? 0.3 : 1}>
                        <rect data-edge x={x} y={y} width={width} height={Math.max(0.5, height - (height > 3 ? 1 : 0))} rx={width > 4 ? 1.5 : 0} className={fills[sentiment]} stroke={chosen ? 'var(--ring)' : 'transparent'} strokeWidth={1.5} strokeDasharray={view === 'share' && step.total < SMALL ? '2 2' : undefined} />
                      </g>
                    );
                  }}
                />
              ))}
              {view === 'count' && pins.map((pin) => (
                <ReferenceDot key={pin.number} x={pin.step.from} y={pin.step.total} r={8} zIndex={1000} shape={({ cx = 0, cy = 0 }: { cx?: number; cy?: number }) => (
                  <g aria-hidden className="pointer-events-none"><circle cx={cx} cy={cy - 13} r={8} className="fill-foreground" /><text x={cx} y={cy - 9.5} textAnchor="middle" className="fill-background text-[10px] font-semibold">{pin.number}</text></g>
                )} />
              ))}
            </BarChart>
          </ResponsiveContainer>
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

function Tip({ title, step }: { title: string; step: Step }) {
  const t = useTranslations('charts');
  const format = useFormat();
  return (
    <div className="shadow-popover min-w-40 rounded-md bg-popover px-2.5 py-2 text-xs text-popover-foreground">
      <p className="font-medium">{title}</p>
      <dl className="mt-1.5 grid grid-cols-[auto_auto] gap-x-4 gap-y-1">
        {SENTIMENTS.map((one) => <div key={one} className="contents"><dt><SentimentLabel sentiment={one} /></dt><dd className="tabular text-right">{format.count(step[one])}</dd></div>)}
        <dt className="text-muted-foreground">{t('labelledColumn')}</dt><dd className="tabular text-right text-muted-foreground">{format.count(step.total)}</dd>
      </dl>
    </div>
  );
}

/** The days that stand out most, numbered as time goes: the strongest topic of each. */
function pinsOf(spikes: Spike[], steps: Step[], whole: boolean) {
  if (!whole) return [];
  const strongest = new Map<string, Spike>();
  for (const spike of spikes) if ((strongest.get(spike.from)?.score ?? 0) < spike.score) strongest.set(spike.from, spike);
  const found = [...strongest.values()].sort((a, b) => b.score - a.score).slice(0, PINS).sort((a, b) => a.from.localeCompare(b.from));
  return found.flatMap((spike, index) => { const step = steps.findLast(({ from }) => Date.parse(from) <= Date.parse(spike.from)); return step ? [{ number: index + 1, spike, step }] : []; });
}

/** Zero and up to four round numbers above, the last of them not under the most. */
export function countTicks(most: number): number[] {
  const power = 10 ** Math.floor(Math.log10(Math.max(most, 3) / 3));
  const step = [1, 2, 2.5, 4, 5, 8, 10].map((one) => one * power).find((one) => Number.isInteger(one) && one * 3 >= most) ?? most;
  return [0, 1, 2, 3].map((index) => index * step).filter((tick, index) => index < 2 || tick - step < most);
}

/** Weeks are ticked on Mondays; anything else evenly, so that few enough stand under the chart. */
export function ticksOf(steps: { from: string }[], granularity: string, timeZone: string): string[] {
  const weekday = new Intl.DateTimeFormat('en', { weekday: 'short', timeZone });
  const mondays = granularity === 'day' && steps.length > 10 ? steps.filter(({ from }) => weekday.format(new Date(from)) === 'Mon') : steps;
  const every = Math.max(1, Math.ceil(mondays.length / TICKS));
  return mondays.filter((_, index) => index % every === 0).map(({ from }) => from);
}
