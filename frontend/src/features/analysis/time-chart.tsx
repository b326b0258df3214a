'use client';

import { useTranslations } from 'next-intl';
import { useMemo, useState, type PointerEvent, type ReactNode } from 'react';
import { SentimentLabel, SENTIMENTS, type Sentiment } from '@/components/labels';
import { Segmented } from '@/components/ui/segmented';
import { useFormat } from '@/lib/format';
import type { Query } from './filters';
import { Frame } from './frame';
import { door } from './marks';
import { SMALL } from './change';
import type { Analysis, Point, Spike } from './types';
import { useSize } from './use-size';

interface TimeChartProps { analysis: Analysis; file: string; unavailable: string | undefined; selected: Query | null; onOpen: (behind: Query) => void; className?: string }

interface Step extends Point { to: string | undefined; total: number; at: number; shares: Record<Sentiment, number> }

const fills: Record<Sentiment, string> = { negative: 'fill-sentiment-negative', neutral: 'fill-sentiment-neutral', positive: 'fill-sentiment-positive' };
const HEIGHT = 332, PINS = 3, TICKS = 9;
/** Room for figures at the left, a pin above and dates below; what a date takes with the air around it. */
const LEFT = 44, TOP = 24, BOTTOM = 30, TICK = 80;

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
  const [ref, { width, height }] = useSize();
  const band = (width - LEFT) / Math.max(1, steps.length), gap = steps.length > 60 ? Math.min(1, band / 4) : 0.09 * band, thick = Math.max(0.5, band - 2 * gap);
  const x = ({ at }: Step) => LEFT + at * band;
  const y = (value: number) => height - BOTTOM - ((height - BOTTOM - TOP) * value) / (ticks.at(-1) ?? 1);
  const valueOf = (step: Step, sentiment: Sentiment) => (view === 'share' ? step.shares[sentiment] : step[sentiment]);
  const named = new Set(ticksOf(steps, granularity, analysis.filters.tz, Math.max(1, Math.min(TICKS, Math.floor((width - LEFT) / TICK)))));
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
      <div ref={ref} style={{ minHeight: HEIGHT }} className="relative flex-1">
        {width > 0 && (
          <Hover steps={steps} x={x} band={band} width={width} tip={(step) => <Tip title={name(step.from)} step={step} />}>
            <svg data-drawing role="group" aria-label={t('time')} width={width} height={height} viewBox={`0 0 ${width} ${height}`} className="absolute inset-0 block overflow-visible">
              {ticks.map((value) => (
                <g key={value} aria-hidden>
                  <line x1={LEFT} x2={width} y1={y(value)} y2={y(value)} className={value === 0 ? 'stroke-input' : 'stroke-chart-grid'} />
                  <text x={LEFT - 8} y={y(value) + 4} textAnchor="end" className="tabular fill-chart-axis text-2xs">{view === 'share' ? format.percent(value / 100).replace(/[.,]0/, '') : format.count(value)}</text>
                </g>
              ))}
              {steps.filter(({ from }) => named.has(from)).map((step) => (
                <text key={step.from} aria-hidden x={Math.min(x(step) + band / 2, width)} y={height - 10} textAnchor={x(step) + band / 2 > width - TICK / 3 ? 'end' : 'middle'} className="tabular fill-chart-axis text-2xs">{tick(step.from)}</text>
              ))}
              {SENTIMENTS.map((sentiment, layer) => steps.filter((step) => step[sentiment] > 0).map((step) => {
                const chosen = isSelected(step, sentiment);
                const below = SENTIMENTS.slice(0, layer).reduce((sum, one) => sum + valueOf(step, one), 0), top = y(below + valueOf(step, sentiment)), tall = y(below) - top;
                return (
                  <g key={`${sentiment} ${step.from}`} {...door(t('doorOf', { name: `${words(sentiment)}, ${name(step.from)}`, posts: step[sentiment] }), step.at === first && sentiment === SENTIMENTS.find((one) => step[one] > 0), () => onOpen(behind(step, sentiment)))} opacity={anySelected && !chosen ? 0.3 : 1}>
                    <rect data-edge x={x(step) + gap} y={top} width={thick} height={Math.max(0.5, tall - (tall > 3 ? 1 : 0))} rx={thick > 4 ? 1.5 : 0} className={fills[sentiment]} stroke={chosen ? 'var(--ring)' : 'transparent'} strokeWidth={1.5} strokeDasharray={view === 'share' && step.total < SMALL ? '2 2' : undefined} />
                  </g>
                );
              }))}
              {view === 'count' && pins.map(({ number, step }) => (
                <g key={number} aria-hidden className="pointer-events-none" transform={`translate(${x(step) + band / 2} ${y(step.total) - 13})`}><circle r={8} className="fill-foreground" /><text y={3.5} textAnchor="middle" className="fill-background text-[10px] font-semibold">{number}</text></g>
              ))}
            </svg>
          </Hover>
        )}
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

interface HoverProps { steps: Step[]; x: (step: Step) => number; band: number; width: number; tip: (step: Step) => ReactNode; children: ReactNode }

const TIP = 176;

/** Shows the figures of the step that the pointer is over; the drawing itself stays as it is. */
function Hover({ steps, x, band, width, tip, children }: HoverProps) {
  const [at, setAt] = useState(-1);
  const step = steps[at];
  const follow = (event: PointerEvent) => setAt(Math.floor((event.clientX - event.currentTarget.getBoundingClientRect().left - LEFT) / band));
  const after = step ? x(step) + band + 8 : 0;
  return (
    <div className="absolute inset-0" onPointerMove={follow} onPointerLeave={() => setAt(-1)}>
      {step && <div aria-hidden className="absolute bg-foreground/5" style={{ left: x(step), width: band, top: TOP, bottom: BOTTOM }} />}
      {children}
      {step && <div className="no-print pointer-events-none absolute top-2 z-10" style={after + TIP > width && x(step) - 8 > TIP ? { right: width - x(step) + 8 } : { left: Math.max(0, Math.min(after, width - TIP)) }}>{tip(step)}</div>}
    </div>
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
export function ticksOf(steps: { from: string }[], granularity: string, timeZone: string, most = TICKS): string[] {
  const weekday = new Intl.DateTimeFormat('en', { weekday: 'short', timeZone });
  const mondays = granularity === 'day' && steps.length > 10 ? steps.filter(({ from }) => weekday.format(new Date(from)) === 'Mon') : steps;
  const every = Math.max(1, Math.ceil(mondays.length / most));
  return mondays.filter((_, index) => index % every === 0).map(({ from }) => from);
}
