import { cn } from '@/lib/cn';

/** A flat block of the final size: it never looks like data. */
export function Skeleton({ className }: { className?: string }) {
  return <span data-slot="skeleton" aria-hidden className={cn('block rounded-sm bg-secondary', className)} />;
}
