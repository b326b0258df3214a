import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';

interface SegmentedProps<T extends string> {
  label: string;
  value: T;
  options: { value: T; label: ReactNode }[];
  onChange: (value: T) => void;
  className?: string;
}

/** Two or three views of the same thing. */
export function Segmented<T extends string>({ label, value, options, onChange, className }: SegmentedProps<T>) {
  return (
    <div role="group" aria-label={label} className={cn('inline-flex shrink-0 rounded-md border border-border bg-muted p-px', className)}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
          className="inline-flex h-6 items-center rounded-sm px-2 text-xs font-medium whitespace-nowrap text-muted-foreground hover:text-foreground aria-pressed:bg-background aria-pressed:text-foreground aria-pressed:shadow-[0_0_0_1px_var(--border)] max-md:h-8 dark:aria-pressed:bg-accent"
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}
