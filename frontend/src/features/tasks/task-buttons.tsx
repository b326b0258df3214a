'use client';

import { Ellipsis, Pause, Play, RefreshCw, RotateCcw, Square, Trash2, type LucideIcon } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { Button } from '@/components/ui/button';
import { Menu, MenuContent, MenuItem, MenuTrigger } from '@/components/ui/menu';
import { deleteTask, type ResourceTaskData, type TaskAction } from '@/lib/api/generated';
import { usePaths } from '@/lib/paths';
import { usePermission } from '@/lib/session';
import { useForgetLists } from '@/lib/task-queries';
import type { useTaskAction } from './task-actions';

const icons: Record<TaskAction, LucideIcon> = { start: Play, resume: Play, pause: Pause, stop: Square, retry: RefreshCw, restart: RotateCcw };
/** Those that go on with it are the one red button; what throws work away asks first. */
const primary = new Set<TaskAction>(['start', 'resume']);
const asks = new Set<TaskAction>(['stop', 'restart']);

interface TaskButtonsProps { task: ResourceTaskData; action: ReturnType<typeof useTaskAction> }

/** What the server says may be done now, and nothing else. */
export function TaskButtons({ task, action }: TaskButtonsProps) {
  const t = useTranslations('tasks');
  const router = useRouter();
  const paths = usePaths();
  const forget = useForgetLists();
  const may = usePermission('manage_tasks');
  const [asked, ask] = useState<'stop' | 'restart' | 'delete' | null>(null);
  if (!may) return null;
  const { allowed_actions: allowed } = task.data;
  const press = (one: TaskAction) => { if (one === 'stop' || one === 'restart') ask(one); else action.mutate({ action: one }); };
  const remove = async () => {
    await deleteTask({ path: { task_id: task.uid }, throwOnError: true });
    void forget.tasks();
    router.replace(paths.tasks);
  };
  return (
    <div className="flex gap-2 max-md:w-full">
      {allowed.map((one) => {
        const Icon = icons[one];
        return (
          <Button key={one} size="sm" variant={primary.has(one) ? 'primary' : 'default'} disabled={action.isPending} aria-haspopup={asks.has(one) ? 'dialog' : undefined} className="max-md:h-10 max-md:flex-1" onClick={() => press(one)}>
            <Icon aria-hidden />{t(`actions.${one}`)}
          </Button>
        );
      })}
      <Menu>
        <MenuTrigger asChild><Button size="icon-sm" className="max-md:size-10" aria-label={t('more')} title={t('more')}><Ellipsis aria-hidden /></Button></MenuTrigger>
        <MenuContent align="end"><MenuItem className="text-destructive" onSelect={() => ask('delete')}><Trash2 aria-hidden />{t('delete')}</MenuItem></MenuContent>
      </Menu>
      {(['stop', 'restart', 'delete'] as const).map((one) => (
        <ConfirmDialog
          key={one}
          open={asked === one}
          onOpenChange={(open) => ask(open ? one : null)}
          title={t(`confirm.${one}.title`)}
          description={t(`confirm.${one}.text`, { rows: task.data.progress.rows_done ?? 0 })}
          keep={t(`confirm.${one}.keep`)}
          action={t(`confirm.${one}.action`)}
          onConfirm={() => (one === 'delete' ? remove() : action.mutateAsync({ action: one }))}
        />
      ))}
    </div>
  );
}
