'use client';

import { useLocale, useTranslations } from 'next-intl';
import { useFormat, weekdayName } from '@/lib/format';
import type { Query } from './filters';
import { Frame } from './frame';
import { door } from './marks';
import type { Analysis } from './types';
import { useWidth } from './use-width';

const fills = ['fill-heat-0', 'fill-heat-1', 'fill-heat-2', 'fill-heat-3', 'fill-heat-4', 'fill-heat-5'];
const surfaces = ['bg-heat-0', 'bg-heat-1', 'bg-heat-2', 'bg-heat-3', 'bg-heat-4', 'bg-heat-5'];
const LEFT = 34, TOP = 20, ROW = 36, GAP = 2, HOURS = 24;

/** Six steps with round limits up to the most. */
export function limitsOf(most: number): number[] {
  const step = Math.max(1, Math.ceil(most / 5));
  return [0, 1, 2, 3, 4].map((index) => index * step).concat(Math.max(most, 5 * step));
}

interface HeatMapProps { analysis: Analysis; file: string; unavailable: string | undefined; selected: Query | null; onOpen: (behind: Query) => void; className?: string }

/** Negative posts of the local week, hour by hour; a cell opens them. */
export function HeatMap({ analysis, file, unavailable, selected, onOpen, className }: HeatMapProps) {
  const t = useTranslations('charts');
  const format = useFormat();
  const locale = useLocale();
  const [ref, width] = useWidth();
  const cells = analysis.series.hour_by_weekday;
  const top = cells.reduce<(typeof cells)[number] | null>((most, cell) => (cell.negative > (most?.negative ?? 0) ? cell : most), null);
  const limits = limitsOf(top?.negative ?? 0);
  const step = (negative: number) => (negative === 0 ? 0 : Math.min(5, limits.filter((limit) => negative > limit).length));
  const days = [1, 2, 3, 4, 5, 6, 7].map((weekday) => weekdayName(locale, weekday));
  const cell = Math.max(4, (width - LEFT - (HOURS - 1) * GAP) / HOURS);
  const isSelected = ({ weekday, hour }: { weekday: number; hour: number }) => selected?.weekday === String(weekday) && selected.hour === String(hour);
  const anySelected = cells.some(isSelected);
  const twin = { columns: [t('weekday'), t('hour'), t('negativeColumn'), t('postsColumn')], rows: cells.map((one) => [days[one.weekday - 1] ?? '', one.hour, one.negative, one.posts]) };
  const title = t('hours');
  return (
    <Frame drawn title={title} base={t('hoursBase', { count: cells.reduce((sum, { negative }) => sum + negative, 0), tz: analysis.filters.tz })} file={file} twin={twin} unavailable={unavailable} className={className} around={{ legend: fills.map((fill, index) => ({ name: index ? t('upTo', { count: limits[index] ?? 0 }) : '0', fill })), notes: top ? [t('hoursLabel', { day: days[top.weekday - 1] ?? '', hour: top.hour, count: top.negative })] : [] }}>
      <div ref={ref} style={{ minHeight: TOP + 7 * (ROW + GAP) }}>
        {width > 0 && (
          <svg data-drawing role="group" aria-label={top ? t('hoursLabel', { day: days[top.weekday - 1] ?? '', hour: top.hour, count: top.negative }) : title} width={width} height={TOP + 7 * (ROW + GAP)} viewBox={`0 0 ${width} ${TOP + 7 * (ROW + GAP)}`} className="block">
            {[0, 3, 6, 9, 12, 15, 18, 21].map((hour) => <text key={hour} x={LEFT + hour * (cell + GAP)} y={12} className="tabular fill-chart-axis text-2xs">{hour}</text>)}
            {days.map((day, index) => <text key={day} x={0} y={TOP + index * (ROW + GAP) + ROW / 2 + 4} className="fill-chart-axis text-2xs">{day}</text>)}
            {cells.map((one, index) => {
              const tip = t('hourTip', { day: days[one.weekday - 1] ?? '', hour: one.hour, negative: one.negative, posts: one.posts });
              const open = () => onOpen({ weekday: String(one.weekday), hour: String(one.hour), sentiment: 'negative' });
              return (
                <g key={`${one.weekday}-${one.hour}`} {...door(tip, index === 0, open, HOURS)} opacity={anySelected && !isSelected(one) ? 0.3 : 1}>
                  <title>{tip}</title>
                  <rect
                    data-edge
                    x={LEFT + one.hour * (cell + GAP)}
                    y={TOP + (one.weekday - 1) * (ROW + GAP)}
                    width={cell}
                    height={ROW}
                    rx={2}
                    className={`${fills[step(one.negative)]} ${isSelected(one) ? 'stroke-ring' : one === top ? 'stroke-foreground' : 'stroke-border'}`}
                    strokeWidth={one === top || isSelected(one) ? 1.5 : 0.5}
                  />
                </g>
              );
            })}
          </svg>
        )}
      </div>
      <div className="mt-3 flex flex-wrap items-center justify-between gap-x-4 gap-y-1 text-xs">
        <p className="text-muted-foreground">{top && t.rich('mostHour', { day: days[top.weekday - 1] ?? '', hour: top.hour, count: top.negative, b: (chunks) => <button type="button" className="link font-medium text-foreground" onClick={() => onOpen({ weekday: String(top.weekday), hour: String(top.hour), sentiment: 'negative' })}>{chunks}</button> })}</p>
        <ul className="tabular flex items-center gap-0.5 text-2xs text-muted-foreground" aria-hidden>{surfaces.map((surface, index) => <li key={surface} className="flex items-center gap-0.5"><span className={`h-2 w-5 rounded-mark border ${surface}`} />{format.count(limits[index] ?? 0)}</li>)}</ul>
      </div>
    </Frame>
  );
}
