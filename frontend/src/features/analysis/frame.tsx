'use client';

import { Minus } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useId, useRef, useState, type ReactNode } from 'react';
import { flushSync } from 'react-dom';
import { Button } from '@/components/ui/button';
import { Menu, MenuContent, MenuItem, MenuTrigger } from '@/components/ui/menu';
import { cn } from '@/lib/cn';
import { toCsv, type Cell } from '@/lib/csv';
import { savePng, saveSvg, type Sheet } from '@/lib/export-drawing';
import { useFormat } from '@/lib/format';
import { saveFile } from '@/lib/save-file';
import { useSheetLines } from './sheet-lines';

/** The figures of a chart as rows: what the table shows and the CSV holds. */
export interface Twin { columns: string[]; rows: Cell[][] }

interface FrameProps {
  title: string;
  /** The unit, and of how many. */
  base: string;
  /** Names the files that are exported. */
  file: string;
  twin: Twin;
  /** Whether it is a chart, which has a table beside it; a list has not. */
  drawn?: boolean;
  /** The chart as it is drawn on paper, where the page itself has no drawing of it. */
  paper?: ReactNode;
  /** What the page says beside its drawing: on paper it stands around it. */
  around?: Pick<Sheet, 'legend' | 'notes'>;
  /** Why the dataset does not allow it. */
  unavailable?: string | undefined;
  actions?: ReactNode;
  className?: string;
  children: ReactNode;
}

export function Frame({ title, base, file, twin, drawn = false, paper, around, unavailable, actions, className, children }: FrameProps) {
  const t = useTranslations('frame');
  const id = useId();
  const body = useRef<HTMLDivElement>(null);
  const [asTable, setAsTable] = useState(false);
  const name = `${file.replace(/\.\w+$/, '')}-${title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-')}`;
  const linesOf = useSheetLines();
  const onPaper = useRef<HTMLDivElement>(null);
  const [printing, setPrinting] = useState(false);
  const save = (as: typeof savePng | typeof saveSvg) => {
    flushSync(() => setPrinting(true));
    const svg = (onPaper.current ?? body.current)?.querySelector<SVGSVGElement>('svg[data-drawing], svg.recharts-surface');
    if (svg) void as(svg, { title, lines: [base, ...linesOf(new Date())].filter(Boolean), ...around }, name);
    setPrinting(false);
  };
  const Element = drawn ? 'figure' : 'section';
  return (
    <Element aria-labelledby={id} className={cn('gutter flex min-w-0 flex-col pt-4 pb-5', className)}>
      <header className="mb-4 flex flex-wrap items-start gap-x-3 gap-y-1">
        <div className="min-w-0 flex-1 basis-40"><h2 id={id} className="text-sm">{title}</h2><p className="text-xs text-muted-foreground">{unavailable ? t('unavailable') : base}</p></div>
        {!unavailable && (
          <div className="no-print -mr-2 flex items-center gap-0.5">
            {actions}
            {drawn && <Button variant="quiet" size="xs" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>{t(asTable ? 'chart' : 'table')}</Button>}
            <Menu>
              <MenuTrigger asChild><Button variant="quiet" size="xs" aria-label={t('exportOf', { title })}>{t('export')}</Button></MenuTrigger>
              <MenuContent align="end">
                <MenuItem onSelect={() => saveFile(`${name}.csv`, 'text/csv;charset=utf-8', `\ufeff${toCsv(twin.columns, twin.rows)}`)}>CSV</MenuItem>
                {drawn && <><MenuItem onSelect={() => save(savePng)}>PNG</MenuItem><MenuItem onSelect={() => save(saveSvg)}>SVG</MenuItem></>}
              </MenuContent>
            </Menu>
          </div>
        )}
      </header>
      {unavailable
        ? <div className="flex gap-3 rounded-md border border-dashed px-4 py-3"><Minus aria-hidden className="mt-0.5 size-4 shrink-0 text-muted-foreground" /><p className="text-muted-foreground">{unavailable}</p></div>
        : (
          <div className="relative flex min-h-0 min-w-0 flex-1 flex-col overflow-x-clip">
            {asTable && <TwinTable twin={twin} title={title} />}
            {/* A chart keeps its size behind the table, so that it can be exported. */}
            <div ref={body} inert={asTable} className={cn('flex min-w-0 flex-1 flex-col', asTable && 'invisible absolute inset-x-0 top-0 -z-10 h-0 overflow-clip')}>{children}</div>
            {printing && paper && <div ref={onPaper} aria-hidden className="pointer-events-none fixed top-0 -left-[10000px]">{paper}</div>}
          </div>
        )}
    </Element>
  );
}

function TwinTable({ twin, title }: { twin: Twin; title: string }) {
  const format = useFormat();
  return (
    <div className="relative max-h-[420px] overflow-auto" tabIndex={0} role="region" aria-label={title}>
      <table className="table dense">
        <thead><tr>{twin.columns.map((column, index) => <th key={column} scope="col" className={index ? 'num' : ''}>{column}</th>)}</tr></thead>
        <tbody>{twin.rows.map((row, at) => <tr key={at}>{row.map((cell, index) => <td key={index} className={index ? 'num' : ''}>{typeof cell === 'number' ? (Number.isInteger(cell) ? format.count(cell) : format.decimal(cell)) : cell}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}
