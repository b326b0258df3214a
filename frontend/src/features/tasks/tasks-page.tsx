'use client';

import { Plus } from 'lucide-react';
import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { parseAsString, useQueryState } from 'nuqs';
import { EmptyState } from '@/components/empty-state';
import { PageHeader } from '@/components/page-header';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { cn } from '@/lib/cn';
import { usePaths } from '@/lib/paths';
import { usePermission } from '@/lib/session';
import { useTasks } from '@/lib/task-queries';
import { TaskDetail } from './task-detail';
import { TaskList } from './task-list';

/** The list at the left, one task at the right; on narrow screens one after the other. */
export function TasksPage() {
  const t = useTranslations('tasks');
  const paths = usePaths();
  const mayUpload = usePermission('manage_datasets');
  const [id] = useQueryState('id', parseAsString);
  const tasks = useTasks();
  const shown = id ?? tasks.data?.items[0]?.uid;
  const empty = tasks.data?.items.length === 0 && !id;

  return (
    <>
      <PageHeader
        title={t('title')}
        actions={!empty && mayUpload && <Button asChild variant="primary" size="sm"><Link href={paths.newDataset}><Plus aria-hidden />{t('new')}</Link></Button>}
      />
      {tasks.error && !tasks.data && <div className="gutter max-w-[760px] py-6"><ProblemAlert problem={tasks.error} onRetry={() => void tasks.refetch()} /></div>}
      {empty && <EmptyState title={t('emptyTitle')} text={t('emptyText')} actions={mayUpload && <Button asChild variant="primary"><Link href={paths.newDataset}><Plus aria-hidden />{t('new')}</Link></Button>} />}
      {!empty && (
        <div className="grid flex-1 lg:grid-cols-[296px_minmax(0,1fr)]">
          <div className={cn('min-w-0 lg:border-r', id && 'max-lg:hidden')}>
            {tasks.isPending ? <div className="gutter grid gap-4 py-4">{[0, 1, 2, 3].map((row) => <Skeleton key={row} className="h-10" />)}</div> : tasks.data && <TaskList tasks={tasks.data.items} current={shown} />}
          </div>
          <div className={cn('min-w-0', !id && 'max-lg:hidden')}>{shown && <TaskDetail key={shown} id={shown} />}</div>
        </div>
      )}
    </>
  );
}
