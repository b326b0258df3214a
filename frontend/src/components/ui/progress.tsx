import { cn } from '@/lib/cn';

interface ProgressProps { label: string; percent: number; paused?: boolean; className?: string }

export function Progress({ label, percent, paused = false, className }: ProgressProps) {
  const value = Math.min(100, Math.max(0, percent));
  return (
    <div role="progressbar" aria-label={label} aria-valuenow={Math.round(value)} aria-valuemin={0} aria-valuemax={100} className={cn('h-1.5 overflow-hidden rounded-full bg-secondary', className)}>
      <div className={cn('h-full origin-left transition-[width] duration-400', paused ? 'bg-status-paused' : 'bg-status-running')} style={{ width: `${value}%` }} />
    </div>
  );
}
