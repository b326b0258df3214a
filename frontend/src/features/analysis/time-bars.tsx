'use client';

import { useTranslations } from 'next-intl';
import { Bar, BarChart, CartesianGrid, ReferenceDot, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { SentimentLabel, SENTIMENTS, sentimentFills, type Sentiment } from '@/components/labels';
import { useFormat } from '@/lib/format';
import { SMALL } from './change';
import { door } from './marks';
import type { Pin, Step } from './steps';

export const CHART_HEIGHT = 332; // pixels

interface TimeBarsProps {
  steps: Step[];
  shown: 'count' | 'share';
  ticks: { count: number[]; time: string[]; tell: (at: string) => string };
  pins: Pin[];
  /** A step in words. */
  name: (at: string) => string;
  /** The first step that has a bar. */
  first: number | undefined;
  isSelected: (step: Step, sentiment: Sentiment) => boolean;
  anySelected: boolean;
  onOpen: (step: Step, sentiment: Sentiment) => void;
}

/** The drawing of the time chart. */
export function TimeBars({ steps, shown, ticks, pins, name, first, isSelected, anySelected, onOpen }: TimeBarsProps) {
  const t = useTranslations('charts');
  const words = useTranslations('sentiment');
  const format = useFormat();
  return (
    <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 320, height: CHART_HEIGHT }}>
      <BarChart data={steps} accessibilityLayer={false} margin={{ top: 24, right: 0, bottom: 0, left: 0 }} barCategoryGap={steps.length > 60 ? 1 : '9%'}>
        <CartesianGrid vertical={false} stroke="var(--chart-grid)" />
        <XAxis dataKey="from" tickFormatter={ticks.tell} tick={{ fontSize: 11, fill: 'var(--chart-axis)' }} tickLine={false} axisLine={{ stroke: 'var(--input)' }} minTickGap={36} interval="preserveStart" ticks={ticks.time} tickMargin={6} />
        <YAxis width={44} ticks={ticks.count} domain={[0, ticks.count.at(-1) ?? 1]} tickFormatter={(value: number) => (shown === 'share' ? format.percent(value / 100).replace(/[.,]0/, '') : format.count(value))} tick={{ fontSize: 11, fill: 'var(--chart-axis)' }} tickLine={false} axisLine={false} />
        <Tooltip isAnimationActive={false} cursor={{ fill: 'var(--foreground)', opacity: 0.05 }} content={({ active, payload }) => { const step = payload?.[0]?.payload as Step | undefined; return active && step ? <Tip title={name(step.from)} step={step} /> : null; }} />
        {SENTIMENTS.map((sentiment) => (
          <Bar
            key={sentiment}
            stackId="posts"
            dataKey={(step: Step) => (shown === 'share' ? step.shares[sentiment] : step[sentiment])}
            name={sentiment}
            isAnimationActive={false}
            shape={(props: { x?: number; y?: number; width?: number; height?: number; payload?: Step }) => {
              const { x = 0, y = 0, width = 0, height = 0, payload: step } = props;
              if (!step || height <= 0) return <g />;
              const chosen = isSelected(step, sentiment);
              return (
                <g {...door(t('doorOf', { name: `${words(sentiment)}, ${name(step.from)}`, posts: step[sentiment] }), step.at === first && sentiment === SENTIMENTS.find((one) => step[one] > 0), () => onOpen(step, sentiment))} opacity={anySelected && !chosen ? 0.3 : 1}>
                  <rect data-edge x={x} y={y} width={width} height={Math.max(0.5, height - (height > 3 ? 1 : 0))} rx={width > 4 ? 1.5 : 0} className={sentimentFills[sentiment]} stroke={chosen ? 'var(--ring)' : 'transparent'} strokeWidth={1.5} strokeDasharray={shown === 'share' && step.total < SMALL ? '2 2' : undefined} />
                </g>
              );
            }}
          />
        ))}
        {pins.map((pin) => (
          <ReferenceDot key={pin.number} x={pin.step.from} y={pin.step.total} r={8} zIndex={1000} shape={({ cx = 0, cy = 0 }: { cx?: number; cy?: number }) => (
            <g aria-hidden className="pointer-events-none"><circle cx={cx} cy={cy - 13} r={8} className="fill-foreground" /><text x={cx} y={cy - 9.5} textAnchor="middle" className="fill-background text-[10px] font-semibold">{pin.number}</text></g>
          )} />
        ))}
      </BarChart>
    </ResponsiveContainer>
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
