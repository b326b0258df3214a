import { CircleAlert, CirclePause, Hourglass } from 'lucide-react';
import { useTranslations } from 'next-intl';
import type { TaskData } from '@/lib/api/generated';
import { useFormat } from '@/lib/format';

/** Why it does not move: it failed, waits for a model, or was paused. */
export function TaskNotice({ task, now }: { task: TaskData; now: number }) {
  const t = useTranslations('tasks');
  const steps = useTranslations('status');
  const format = useFormat();
  if (task.status === 'on_error' && task.error) {
    const step = task.error.step;
    return (
      <div role="alert" className="gutter flex gap-3 border-b bg-destructive-surface py-3">
        <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-destructive" />
        <div className="min-w-0">
          <p className="font-semibold text-destructive">{step && steps.has(step as 'done') ? t('failedAt', { step: steps(step as 'done') }) : t('failed')}</p>
          <p className="break-words">{task.error.message} {t('kept')}</p>
          <p className="mt-1 text-xs text-muted-foreground">{t('code')} <span className="font-mono text-foreground">{task.error.code}</span></p>
        </div>
      </div>
    );
  }
  if (task.waiting) {
    const seconds = (Date.parse(task.waiting.next_attempt_at) - now) / 1000;
    return (
      <div role="status" className="gutter flex gap-3 border-b bg-status-paused-surface py-3">
        <Hourglass aria-hidden className="mt-0.5 size-4 shrink-0 text-status-paused" />
        <div className="min-w-0">
          <p className="font-semibold">{t('waitingSince', { at: format.time(task.waiting.since) })}</p>
          <p className="break-words">{task.waiting.reason}</p>
          <p className="text-muted-foreground">{seconds > 1 ? t('nextTry', { in: format.duration(seconds) }) : t('tryingNow')}</p>
        </div>
      </div>
    );
  }
  if (task.status !== 'paused') return null;
  const budget = task.pause_reason === 'budget_exhausted';
  return (
    <div role="status" className="gutter flex gap-3 border-b bg-status-paused-surface py-3">
      <CirclePause aria-hidden className="mt-0.5 size-4 shrink-0 text-status-paused" />
      <div><p className="font-semibold">{t(budget ? 'pausedBudget' : 'pausedUser')}</p><p>{t('pausedText', { done: task.progress.rows_done ?? 0, total: task.progress.rows_total ?? 0 })}</p></div>
    </div>
  );
}
