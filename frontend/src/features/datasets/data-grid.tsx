'use client';

import { useTranslations } from 'next-intl';
import { useEffect, useImperativeHandle, useMemo, useRef, useState, type KeyboardEvent, type Ref } from 'react';
import { Dialog } from 'radix-ui';
import { Button } from '@/components/ui/button';
import { CloseButton, Sheet } from '@/components/ui/dialog';
import { Skeleton } from '@/components/ui/skeleton';
import type { FilePreviewColumn, FileProfile, FileRows } from '@/lib/api/generated';
import { cn } from '@/lib/cn';
import { useProblemText } from '@/lib/problem-text';
import { HeadProfile } from './column-profile';
import { barHeight, inSight, placeAfter, placeAt, scrolled, type Extent, type Place } from './row-window';

type Row = FileRows['rows'][number];

/** Rows of which not all have to be there. */
export interface GridRows {
  total: number;
  /** The first ones, by which columns get their widths. */
  first: Row[];
  at: (index: number) => Row | undefined;
  problemAt?: (index: number) => Error | undefined;
  retry?: (index: number) => void;
}

export const allOf = (rows: Row[]): GridRows => ({ total: rows.length, first: rows, at: (index) => rows[index] });

/** What a grid can be told. */
export interface Grid { show: (index: number) => void }

interface DataGridProps {
  ref?: Ref<Grid>;
  label: string;
  columns: FilePreviewColumn[];
  rows: GridRows;
  /** Told the rows that come into sight: the first one, and the one behind the last. */
  onWindow?: (window: readonly [number, number]) => void;
  /** What the columns of the whole stage hold, where it is known. */
  profile?: FileProfile | undefined;
  textColumn?: string | null | undefined;
  className?: string;
}

const ROW = 32, HEAD = 46, HEAD_WITH_PROFILE = 84, MORE = 12;
const SETTLED = 150; // ms after which a short bar is taken to where it belongs
const isNumber = ({ type }: FilePreviewColumn) => type === 'integer' || type === 'number';

/** What exports write for "no value": the profile counts such a cell as empty. */
const MISSING = /^(?=.{0,4}$)\s*(null|NULL|NA|N\/A|NaN|nan|None|none)?\s*$/;

/** What the analysis added stands beside the text it is about. */
const ADDED = ['sentiment', 'priority', 'main_topic', 'enrichment_status', 'enrichment_error'];
function withLabelsFirst(columns: FilePreviewColumn[], textColumn: string | null | undefined) {
  const place = ({ name }: FilePreviewColumn) => (name === textColumn ? 0 : ADDED.indexOf(name) + 1);
  if (!columns.some(({ name }) => name === 'enrichment_status')) return columns;
  return [...columns].sort((a, b) => (place(a) || (a.name === textColumn ? 0 : 99)) - (place(b) || (b.name === textColumn ? 0 : 99)));
}

function widthOf(column: FilePreviewColumn, rows: Row[], isText: boolean) {
  if (isText) return 340;
  const longest = Math.max(column.name.length, ...rows.slice(0, 40).map((row) => row[column.name]?.length ?? 0));
  // A digit takes 7.5 pixels, most letters less.
  return Math.min(220, Math.max(72, Math.ceil(longest * 7.5) + 26));
}

/** Where a scrolled list of rows is, and what moves it. */
function useWindow(total: number, head: number) {
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState(20 * ROW);
  const [place, setPlace] = useState<Place>({ offset: 0, bar: 0 });
  const extent: Extent = useMemo(() => ({ rows: total, rowHeight: ROW, view }), [total, view]);
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const measure = () => { if (element.clientHeight > head) setView(element.clientHeight - head); };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [head]);
  useEffect(() => {
    const bar = placeAt(place.offset, extent).bar;
    if (Math.abs(bar - place.bar) < 1) return;
    const timer = setTimeout(() => {
      if (!scroller.current) return;
      scroller.current.scrollTop = bar;
      setPlace({ offset: place.offset, bar: scroller.current.scrollTop });
    }, SETTLED);
    return () => clearTimeout(timer);
  }, [place, extent]);
  return {
    scroller,
    place,
    extent,
    go: (next: Place) => {
      setPlace(next);
      if (scroller.current) scroller.current.scrollTop = next.bar;
    },
    onScroll: () => {
      const bar = scroller.current?.scrollTop ?? 0;
      setPlace((before) => (before.bar === bar ? before : scrolled(before, bar, extent)));
    },
  };
}

/** The rows of a stage as they are: cells are text, never changed. Draws only the rows in sight, of any number. */
export function DataGrid({ ref, label, columns: given, rows, onWindow, profile, textColumn, className }: DataGridProps) {
  const t = useTranslations('grid');
  const problemText = useProblemText();
  const columns = useMemo(() => withLabelsFirst(given, textColumn), [given, textColumn]);
  const [open, setOpen] = useState<number | null>(null);
  const described = useMemo(() => new Map(profile?.columns.map((column) => [column.name, column])), [profile]);
  const head = profile ? HEAD_WITH_PROFILE : HEAD;
  const { scroller, place, extent, go, onScroll } = useWindow(rows.total, head);
  const [first, behind] = inSight(place, extent, MORE);
  useEffect(() => onWindow?.([first, behind]), [onWindow, first, behind]);
  useImperativeHandle(ref, () => ({ show: (index) => go(placeAt(index * ROW, extent)) }));
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const next = placeAfter(event.key, place, extent);
    if (!next) return;
    event.preventDefault();
    go(next);
  };
  const { template, total } = useMemo(() => {
    const widths = columns.map((column) => widthOf(column, rows.first, column.name === textColumn));
    const number = Math.max(56, String(rows.total).length * 8 + 24);
    return {
      template: `${number}px ${columns.map((column, i) => (column.name === textColumn ? `minmax(${widths[i]}px, 1fr)` : `${widths[i]}px`)).join(' ')}`,
      total: number + widths.reduce((sum, width) => sum + width, 0),
    };
  }, [columns, rows.first, rows.total, textColumn]);
  const grid = { gridTemplateColumns: template, minWidth: total };
  const chosen = open === null ? undefined : rows.at(open);
  const top = Math.floor(place.offset / ROW);
  const indexes = Array.from({ length: behind - first }, (_, at) => first + at);

  return (
    <>
      <div ref={scroller} tabIndex={0} role="region" aria-label={label} onScroll={onScroll} onKeyDown={onKeyDown} className={cn('relative overflow-auto focus-visible:-outline-offset-2', className)}>
        <div role="table" aria-label={label} aria-rowcount={rows.total + 1} aria-colcount={columns.length + 1} aria-busy={indexes.some((index) => !rows.at(index) && !rows.problemAt?.(index))}>
          <div role="rowgroup" className="sticky top-0 z-10">
            <div role="row" aria-rowindex={1} className="grid border-b bg-background" style={{ ...grid, height: head }}>
              <span role="columnheader" className="sticky left-0 bg-background"><span className="sr-only">{t('number')}</span></span>
              {columns.map((column) => { const known = described.get(column.name); return (
                <span key={column.name} role="columnheader" className={cn('min-w-0 px-2.5 pt-1.5', isNumber(column) && 'text-right', column.name === textColumn && 'border-t-2 border-foreground bg-muted pt-1')}>
                  <span className="block truncate font-medium" title={column.name}>{column.name}</span>
                  <span className="block truncate text-2xs text-muted-foreground">{column.name === textColumn ? t('textToLabel') : t.has(`types.${column.type as 'text'}`) ? t(`types.${column.type as 'text'}`) : column.type}</span>
                  {known && profile && <HeadProfile column={known} rows={profile.rows} />}
                </span>
              ); })}
            </div>
          </div>
          <div role="rowgroup" className="relative" style={{ height: barHeight(extent) }}>
            {indexes.map((index) => {
              const row = rows.at(index), problem = row ? undefined : rows.problemAt?.(index);
              const frame = { height: ROW, transform: `translateY(${place.bar + index * ROW - place.offset}px)` };
              if (problem) return (
                <div key={index} role="row" aria-rowindex={index + 2} className="absolute inset-x-0 border-b" style={frame}>
                  {(index === top || !rows.problemAt?.(index - 1)) && (
                    <span role="cell" className="sticky left-0 inline-flex h-full items-center gap-2 px-2.5 text-destructive">
                      {problemText(problem).title}<Button size="sm" variant="ghost" onClick={() => rows.retry?.(index)}>{t('tryAgain')}</Button>
                    </span>
                  )}
                </div>
              );
              return (
                <div key={index} role="row" aria-rowindex={index + 2} className="group absolute inset-x-0 grid items-stretch border-b hover:bg-muted" style={{ ...grid, ...frame }}>
                  <span role="cell" className="sticky left-0 z-1 flex items-center justify-end bg-background pr-2 group-hover:bg-muted">
                    {row
                      ? <button type="button" aria-label={t('openRow', { row: index + 1 })} onClick={() => setOpen(index)} className="tabular rounded-sm px-1.5 py-0.5 text-xs text-muted-foreground hover:bg-accent hover:text-foreground">{index + 1}</button>
                      : <span className="tabular px-1.5 text-xs text-muted-foreground">{index + 1}</span>}
                  </span>
                  {columns.map((column) => {
                    if (!row) return <span key={column.name} role="cell" className="px-2.5 py-2.5"><Skeleton className="h-3" /></span>;
                    const value = row[column.name] ?? '', missing = MISSING.test(value);
                    return (
                      <span key={column.name} role="cell" title={missing || value.length > 20 ? value : undefined} className={cn('min-w-0 truncate px-2.5 leading-8', isNumber(column) && 'tabular text-right', column.name === textColumn && 'bg-muted', missing && 'text-muted-foreground')}>
                        {missing ? t('empty') : value}
                      </span>
                    );
                  })}
                </div>
              );
            })}
          </div>
        </div>
      </div>
      <Dialog.Root open={chosen !== undefined} onOpenChange={() => setOpen(null)}>
        <Sheet side="right" label={t('row', { row: (open ?? 0) + 1 })} className="w-[448px] max-w-[94vw]">
          <div className="flex items-center justify-between border-b py-2.5 pr-3 pl-5">
            <p className="font-semibold">{t('row', { row: (open ?? 0) + 1 })}</p>
            <Dialog.Close asChild><CloseButton /></Dialog.Close>
          </div>
          <dl tabIndex={0} aria-label={t('row', { row: (open ?? 0) + 1 })} className="overflow-y-auto px-5 py-2 focus-visible:-outline-offset-2">
            {columns.map((column) => (
              <div key={column.name} className="border-b py-2 last:border-b-0">
                <dt className="font-mono text-xs text-muted-foreground">{column.name}</dt>
                <dd className={cn('mt-0.5 break-words whitespace-pre-wrap', column.name === textColumn && 'text-base')}><span className={cn(MISSING.test(chosen?.[column.name] ?? '') && 'text-muted-foreground')}>{chosen?.[column.name] || t('empty')}</span></dd>
              </div>
            ))}
          </dl>
        </Sheet>
      </Dialog.Root>
    </>
  );
}
