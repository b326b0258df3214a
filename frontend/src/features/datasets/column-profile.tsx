'use client';

import { useTranslations } from 'next-intl';
import type { FileColumnProfile, FileHistogramBin } from '@/lib/api/generated';
import { cn } from '@/lib/cn';
import { useFormat } from '@/lib/format';

const TOP = 5;

/** A bar a bin, the tallest as high as the drawing. */
export function Histogram({ bins, label, className }: { bins: FileHistogramBin[]; label: string; className?: string }) {
  const most = Math.max(1, ...bins.map(({ count }) => count));
  return (
    <svg role="img" aria-label={label} viewBox={`0 0 ${bins.length * 8} 24`} preserveAspectRatio="none" className={cn('block h-6 w-full', className)}>
      {bins.map(({ from, to, count }, index) => {
        const height = count ? Math.max(1, (24 * count) / most) : 0;
        return <rect key={from} x={index * 8 + 0.5} y={24 - height} width={7} height={height} className="fill-chart-1"><title>{`${from} – ${to}: ${count}`}</title></rect>;
      })}
    </svg>
  );
}

/** In the head of a grid: how full a column is and how its values lie. */
export function HeadProfile({ column, rows }: { column: FileColumnProfile; rows: number }) {
  const t = useTranslations('profileOf');
  const format = useFormat();
  const filled = rows ? (rows - column.blank) / rows : 0;
  const words = [t('filled', { share: format.percent(filled) }), t(column.distinct_is_estimate ? 'aboutDistinct' : 'distinct', { count: column.distinct })].join(', ');
  return (
    <span className="block" title={words}>
      <span className="sr-only">{words}</span>
      {column.histogram.length > 1
        ? <Histogram bins={column.histogram} label={t('histogram', { name: column.name })} className="h-4" />
        : <span aria-hidden className="flex h-4 items-end"><span className="block h-1 w-full overflow-hidden rounded-mark bg-secondary"><span className="block h-full bg-chart-1" style={{ width: `${100 * filled}%` }} /></span></span>}
      <span className="block truncate text-2xs text-muted-foreground">{column.blank === 0 ? t('distinctShort', { count: format.compact(column.distinct) }) : t('filledShort', { share: format.percent(filled) })}</span>
    </span>
  );
}

/** One row of the profile of a dataset. */
export function ColumnRow({ column, rows }: { column: FileColumnProfile; rows: number }) {
  const t = useTranslations('profileOf'), grid = useTranslations('grid');
  const format = useFormat();
  const range = column.min != null && column.max != null ? `${short(column.min)} – ${short(column.max)}` : column.lengths ? t(column.lengths.min === column.lengths.max ? 'length' : 'lengths', { min: column.lengths.min, max: column.lengths.max, mean: format.decimal(column.lengths.mean) }) : '–';
  return (
    <tr>
      <td><span className="block font-medium">{column.name}</span><span className="text-xs text-muted-foreground">{grid.has(`types.${column.type as 'text'}`) ? grid(`types.${column.type as 'text'}`) : column.type}</span></td>
      <td className="num">{rows ? format.percent((rows - column.blank) / rows) : '–'}</td>
      <td className="num">{column.distinct_is_estimate && <span title={t('estimateHint')}>≈ </span>}{format.count(column.distinct)}</td>
      <td className="tabular max-lg:hidden">{range}{column.mean != null && column.type !== 'time' && <span className="text-muted-foreground">{t('mean', { mean: short(column.mean) })}</span>}</td>
      <td className="w-40 max-md:hidden">{column.histogram.length > 1 && <Histogram bins={column.histogram} label={t('histogram', { name: column.name })} />}</td>
      <td className="max-w-0 md:w-1/3 max-md:hidden">
        <span className="block truncate text-xs text-muted-foreground" title={column.top_values.map(({ value, count }) => `${value}: ${count}`).join('\n')}>
          {column.distinct === rows - column.blank && rows > 1 ? t('allDifferent') : column.top_values.slice(0, TOP).map(({ value, count }) => `${value} (${format.count(count)})`).join(', ')}
        </span>
      </td>
    </tr>
  );
}

/** Numbers and times as people read them; the whole value stays in the file. */
const short = (value: string) => value.replace(/T(\d\d:\d\d)(:\d\d)?(\.\d+)?(Z|\+00:00)$/, ' $1').replace(/(\.\d{2})\d+$/, '$1');
