'use client';

import { useInfiniteQuery } from '@tanstack/react-query';
import { RefreshCw } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { listTaskRows, type ResourceTaskData } from '@/lib/api/generated';
import type { useTaskAction } from './task-actions';

interface FailedRowsProps { task: ResourceTaskData; textColumn: string; action: ReturnType<typeof useTaskAction> }

/** Rows without a label: they stay in the file with their reason, and can be asked for again. */
export function FailedRows({ task, textColumn, action }: FailedRowsProps) {
  const t = useTranslations('failed');
  const count = task.data.progress.rows_failed ?? 0;
  const rows = useInfiniteQuery({
    queryKey: ['failed rows', task.uid, count],
    queryFn: async ({ pageParam, signal }) => (await listTaskRows({ path: { task_id: task.uid }, query: { enrichment_status: 'failed', limit: 50, ...(pageParam ? { cursor: pageParam } : {}) }, signal, throwOnError: true })).data,
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor,
  });
  const items = rows.data?.pages.flatMap((page) => page.items) ?? [];
  const mayRetry = task.data.allowed_actions.includes('retry');
  return (
    <section aria-labelledby="failed-title" className="gutter border-t py-4">
      <header className="mb-3 flex flex-wrap items-start gap-3">
        <div className="min-w-0 flex-1"><h3 id="failed-title" className="text-sm">{t('title')}</h3><p className="text-xs text-muted-foreground">{t('text', { count })}</p></div>
        {mayRetry && <Button size="sm" disabled={action.isPending} onClick={() => action.mutate({ action: 'retry', body: { failed_rows: true } })}><RefreshCw aria-hidden />{t('again', { count })}</Button>}
      </header>
      {rows.error && <ProblemAlert problem={rows.error} onRetry={() => void rows.refetch()} />}
      {rows.isPending && <Skeleton className="h-24" />}
      {items.length > 0 && (
        <table className="table">
          <thead><tr><th scope="col">{t('post')}</th><th scope="col" className="max-md:hidden">{t('id')}</th><th scope="col">{t('reason')}</th></tr></thead>
          <tbody>
            {items.map((row, index) => (
              <tr key={`${row.id ?? ''}-${index}`}>
                <td className="w-1/2 max-w-0 truncate" title={String(row[textColumn] ?? '')}>{row[textColumn] || <span className="text-muted-foreground">{t('noText')}</span>}</td>
                <td className="font-mono text-xs text-muted-foreground max-md:hidden">{row.id}</td>
                <td className="font-mono text-xs">{row.enrichment_error}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {rows.hasNextPage && <Button size="sm" className="mt-3" disabled={rows.isFetchingNextPage} onClick={() => void rows.fetchNextPage()}>{t('more')}</Button>}
    </section>
  );
}
