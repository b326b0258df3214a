'use client';

import { useTranslations } from 'next-intl';
import { useRef, useState, type FormEvent } from 'react';
import { ProblemAlert } from '@/components/problem-alert';
import { Arc } from '@/components/task-status';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/field';
import { Skeleton } from '@/components/ui/skeleton';
import type { FileProfile } from '@/lib/api/generated';
import { DataGrid, type Grid } from './data-grid';
import { useRows, type Rows, type RowsOf } from './use-rows';

interface RowsViewProps {
  id: string;
  of: RowsOf;
  /** How many rows there are, where it is known before they are asked for. */
  known?: number | undefined;
  label: (total: number) => string;
  profile?: FileProfile | undefined;
  textColumn?: string | null | undefined;
  className?: string;
}

/** The rows of a stage, all of them: what comes into sight is asked for. */
export function RowsView({ id, of, known, label, profile, textColumn, className }: RowsViewProps) {
  const t = useTranslations('grid');
  const [window, setWindow] = useState<readonly [number, number]>([0, 1]);
  const rows = useRows(id, of, window, known);
  const grid = useRef<Grid>(null);
  const problem = rows.columns ? undefined : rows.problemAt(0);
  if (problem) return <div className="gutter max-w-[760px] py-4"><ProblemAlert problem={problem} onRetry={() => rows.retry(0)} /></div>;
  if (!rows.columns) return <div role="status" className="gutter grid gap-2 py-3"><span className="sr-only">{t('reading')}</span><Skeleton className="h-8" /><Skeleton className="h-80" /></div>;
  return (
    <>
      <RowsBar rows={rows} onGo={(row) => grid.current?.show(row - 1)} />
      <DataGrid ref={grid} label={label(rows.total)} columns={rows.columns} rows={rows} onWindow={setWindow} profile={profile} textColumn={textColumn} className={className ?? ''} />
    </>
  );
}

/** How many rows there are, and a way to any of them. */
function RowsBar({ rows, onGo }: { rows: Rows; onGo: (row: number) => void }) {
  const t = useTranslations('grid');
  const go = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const row = Number(new FormData(event.currentTarget).get('row'));
    if (Number.isInteger(row) && row > 0) onGo(Math.min(row, rows.total));
  };
  return (
    <div className="gutter flex flex-wrap items-center gap-x-3 gap-y-2 border-b py-1.5">
      <p role="status" className="flex items-center gap-2 text-xs text-muted-foreground">{rows.isCounting && <Arc className="text-status-running" />}{rows.isCounting ? t('counting', { shown: rows.total }) : t('count', { total: rows.total })}</p>
      {rows.total > 20 && (
        <form onSubmit={go} className="ml-auto flex items-center gap-1">
          <Input name="row" type="number" inputMode="numeric" min={1} max={rows.total} required aria-label={t('goTo')} placeholder={t('goTo')} className="h-7 w-32 text-xs" />
          <Button size="sm" variant="ghost" type="submit">{t('go')}</Button>
        </form>
      )}
    </div>
  );
}
