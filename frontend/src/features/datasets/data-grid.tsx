'use client';

import { useVirtualizer } from '@tanstack/react-virtual';
import { useTranslations } from 'next-intl';
import { useMemo, useRef, useState } from 'react';
import { Dialog } from 'radix-ui';
import { CloseButton, Sheet } from '@/components/ui/dialog';
import type { FilePreview, FilePreviewColumn, FileProfile } from '@/lib/api/generated';
import { cn } from '@/lib/cn';
import { HeadProfile } from './column-profile';

interface DataGridProps {
  label: string;
  preview: FilePreview;
  /** What the columns of the whole stage hold, where it is known. */
  profile?: FileProfile | undefined;
  textColumn?: string | null | undefined;
  className?: string;
}

const ROW = 32, HEAD = 46, HEAD_WITH_PROFILE = 84;
const isNumber = ({ type }: FilePreviewColumn) => type === 'integer' || type === 'number';

/** What the analysis added stands beside the text it is about. */
const ADDED = ['sentiment', 'priority', 'main_topic', 'enrichment_status', 'enrichment_error'];
function withLabelsFirst(columns: FilePreviewColumn[], textColumn: string | null | undefined) {
  const place = ({ name }: FilePreviewColumn) => (name === textColumn ? 0 : ADDED.indexOf(name) + 1);
  if (!columns.some(({ name }) => name === 'enrichment_status')) return columns;
  return [...columns].sort((a, b) => (place(a) || (a.name === textColumn ? 0 : 99)) - (place(b) || (b.name === textColumn ? 0 : 99)));
}

function widthOf(column: FilePreviewColumn, rows: FilePreview['rows'], isText: boolean) {
  if (isText) return 340;
  const longest = Math.max(column.name.length, ...rows.slice(0, 40).map((row) => row[column.name]?.length ?? 0));
  return Math.min(220, Math.max(72, longest * 7 + 26));
}

/** The first rows of a stage as they are: cells are text, never changed. Draws only the rows in sight. */
export function DataGrid({ label, preview, profile, textColumn, className }: DataGridProps) {
  const t = useTranslations('grid');
  const { rows } = preview;
  const columns = useMemo(() => withLabelsFirst(preview.columns, textColumn), [preview.columns, textColumn]);
  const [open, setOpen] = useState<number | null>(null);
  const described = useMemo(() => new Map(profile?.columns.map((column) => [column.name, column])), [profile]);
  const head = profile ? HEAD_WITH_PROFILE : HEAD;
  const scroller = useRef<HTMLDivElement>(null);
  // eslint-disable-next-line react-hooks/incompatible-library -- the compiler is not used
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 12, scrollMargin: head });
  const { template, total } = useMemo(() => {
    const widths = columns.map((column) => widthOf(column, rows, column.name === textColumn));
    return {
      template: `56px ${columns.map((column, i) => (column.name === textColumn ? `minmax(${widths[i]}px, 1fr)` : `${widths[i]}px`)).join(' ')}`,
      total: 56 + widths.reduce((sum, width) => sum + width, 0),
    };
  }, [columns, rows, textColumn]);
  const grid = { gridTemplateColumns: template, minWidth: total };
  const chosen = open === null ? undefined : rows[open];

  return (
    <>
      <div ref={scroller} tabIndex={0} role="region" aria-label={label} className={cn('relative overflow-auto focus-visible:-outline-offset-2', className)}>
        <div role="table" aria-label={label} aria-rowcount={rows.length + 1} aria-colcount={columns.length + 1}>
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
          <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map(({ index, start }) => (
              <div key={index} role="row" aria-rowindex={index + 2} className="group absolute inset-x-0 grid items-stretch border-b hover:bg-muted" style={{ ...grid, height: ROW, transform: `translateY(${start - head}px)` }}>
                <span role="cell" className="sticky left-0 z-1 flex items-center justify-end bg-background pr-2 group-hover:bg-muted">
                  <button type="button" aria-label={t('openRow', { row: index + 1 })} onClick={() => setOpen(index)} className="tabular rounded-sm px-1.5 py-0.5 text-xs text-muted-foreground hover:bg-accent hover:text-foreground">{index + 1}</button>
                </span>
                {columns.map((column) => {
                  const value = rows[index]?.[column.name] ?? '';
                  return (
                    <span key={column.name} role="cell" title={value.length > 20 ? value : undefined} className={cn('min-w-0 truncate px-2.5 leading-8', isNumber(column) && 'tabular text-right', column.name === textColumn && 'bg-muted', !value && 'text-muted-foreground')}>
                      {value || t('empty')}
                    </span>
                  );
                })}
              </div>
            ))}
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
                <dd className={cn('mt-0.5 break-words whitespace-pre-wrap', column.name === textColumn && 'text-base')}>{chosen?.[column.name] || <span className="text-muted-foreground">{t('empty')}</span>}</dd>
              </div>
            ))}
          </dl>
        </Sheet>
      </Dialog.Root>
    </>
  );
}
