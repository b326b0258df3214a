'use client';

import { RefreshCw } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { Button } from '@/components/ui/button';
import type { ResourceTaskData } from '@/lib/api/generated';
import type { useTaskAction } from './task-actions';

/** Rows without a label: they stay in the file with their reason. */
export function FailedRows({ task, action }: { task: ResourceTaskData; action: ReturnType<typeof useTaskAction> }) {
  const t = useTranslations('failed');
  const count = task.data.progress.rows_failed ?? 0;
  const mayRetry = task.data.allowed_actions.includes('retry');
  return (
    <section aria-labelledby="failed-title" className="gutter border-t py-4">
      <header className="flex flex-wrap items-start gap-3">
        <div className="min-w-0 flex-1"><h3 id="failed-title" className="text-sm">{t('title')}</h3><p className="text-xs text-muted-foreground">{t('text', { count })}</p></div>
        {mayRetry && <Button size="sm" disabled={action.isPending} onClick={() => action.mutate({ action: 'retry', body: { failed_rows: true } })}><RefreshCw aria-hidden />{t('again', { count })}</Button>}
      </header>
    </section>
  );
}
