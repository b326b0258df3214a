import { SENTIMENTS, type Sentiment } from '@/components/labels';
import type { Point, Spike } from './types';

/** A step of the time chart: its posts, and each sentiment's share of those that are labelled, 0 to 100. */
export interface Step extends Point { to: string | undefined; total: number; at: number; shares: Record<Sentiment, number> }

/** A number at the step of a spike. */
export interface Pin { number: number; spike: Spike; step: Step }

const PINS = 3, TICKS = 9;

/** The steps of a series; the last one ends where the filter does. */
export function stepsOf(points: Point[], end: string | null | undefined): Step[] {
  return points.map((point, at) => {
    const total = SENTIMENTS.reduce((sum, one) => sum + point[one], 0);
    const share = (count: number) => (total ? (100 * count) / total : 0);
    return { ...point, at, total, to: points[at + 1]?.from ?? end ?? undefined, shares: { negative: share(point.negative), neutral: share(point.neutral), positive: share(point.positive) } };
  });
}

/** The days that stand out most, numbered as time goes: the strongest topic of each. */
export function pinsOf(spikes: Spike[], steps: Step[], whole: boolean): Pin[] {
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
