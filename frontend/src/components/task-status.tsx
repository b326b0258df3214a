import { CircleAlert, CircleCheck, CircleDashed, CirclePause, CircleStop, Hourglass, type LucideIcon } from 'lucide-react';
import { useTranslations } from 'next-intl';
import type { TaskData, TaskStatus } from '@/lib/api/generated';
import { cn } from '@/lib/cn';

export type Phase = 'queued' | 'running' | 'waiting' | 'paused' | 'done' | 'failed' | 'stopped';

const phases: Record<TaskStatus, Phase> = {
  added: 'queued', in_queue: 'queued', reading_dataset: 'running', process_cleaning: 'running', sending_to_llm: 'running',
  appending_columns: 'running', saving_file: 'running', done: 'done', paused: 'paused', stopped: 'stopped', on_error: 'failed',
};

export const phaseOf = (task: Pick<TaskData, 'status' | 'waiting'>): Phase => {
  const phase = phases[task.status];
  return phase === 'running' && task.waiting ? 'waiting' : phase;
};

/** Whether it moves by itself, so that looking again is worth it. */
export const isActive = (task: Pick<TaskData, 'status'>) => phases[task.status] === 'running' || task.status === 'in_queue';

const icons: Record<Exclude<Phase, 'running'>, LucideIcon> = { queued: CircleDashed, waiting: Hourglass, paused: CirclePause, done: CircleCheck, failed: CircleAlert, stopped: CircleStop };
const inks: Record<Phase, string> = {
  queued: 'text-status-queued', running: 'text-status-running', waiting: 'text-status-paused', paused: 'text-status-paused',
  done: 'text-status-done', failed: 'text-status-failed', stopped: 'text-status-stopped',
};
const surfaces: Record<Phase, string> = {
  queued: 'bg-status-queued-surface', running: 'bg-status-running-surface', waiting: 'bg-status-paused-surface', paused: 'bg-status-paused-surface',
  done: 'bg-status-done-surface', failed: 'bg-status-failed-surface', stopped: 'bg-status-stopped-surface',
};

export function Arc({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 16 16" aria-hidden className={cn('size-3.5 shrink-0 animate-spin', className)} fill="none" strokeWidth="1.75">
      <circle cx="8" cy="8" r="6.5" stroke="currentColor" opacity="0.3" />
      <path d="M8 1.5a6.5 6.5 0 0 1 6.5 6.5" stroke="currentColor" strokeLinecap="round" />
    </svg>
  );
}

export function PhaseIcon({ phase, className }: { phase: Phase; className?: string }) {
  if (phase === 'running') return <Arc className={cn(inks.running, className)} />;
  const Icon = icons[phase];
  return <Icon aria-hidden className={cn('size-3.5 shrink-0', inks[phase], className)} strokeWidth={1.75} />;
}

/** In tables and lists: shape and word, no surface. */
export function TaskStatusText({ task }: { task: Pick<TaskData, 'status' | 'waiting'> }) {
  const t = useTranslations('status');
  const phase = phaseOf(task);
  return <span className="inline-flex items-center gap-1.5 whitespace-nowrap"><PhaseIcon phase={phase} />{t(phase === 'waiting' ? 'waiting' : task.status)}</span>;
}

export function TaskStatusBadge({ task }: { task: Pick<TaskData, 'status' | 'waiting'> }) {
  const t = useTranslations('status');
  const phase = phaseOf(task);
  return (
    <span className={cn('inline-flex h-5 items-center gap-1 rounded-sm pr-1.5 pl-1 text-xs font-medium whitespace-nowrap', inks[phase], surfaces[phase])}>
      <PhaseIcon phase={phase} className="size-3" />{t(phase === 'waiting' ? 'waiting' : task.status)}
    </span>
  );
}
