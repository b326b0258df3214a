import { CircleAlert } from 'lucide-react';
import { useId, type ComponentProps, type ReactNode } from 'react';
import { cn } from '@/lib/cn';

const control = 'h-8 w-full min-w-0 rounded-md border border-input bg-background px-2.5 text-sm text-foreground max-md:h-10 aria-invalid:border-destructive disabled:border-border disabled:bg-muted disabled:text-muted-foreground';

export function Input({ className, ...props }: ComponentProps<'input'>) {
  return <input className={cn(control, className)} {...props} />;
}

export function Textarea({ className, ...props }: ComponentProps<'textarea'>) {
  return <textarea className={cn(control, 'h-auto py-1.5 max-md:h-auto', className)} {...props} />;
}

export function Select({ className, ...props }: ComponentProps<'select'>) {
  return <select className={cn(control, 'cursor-pointer appearance-none bg-[image:var(--chevron)] bg-[position:right_8px_center] bg-no-repeat pr-7 truncate', className)} {...props} />;
}

export interface FieldState { id: string; 'aria-describedby': string | undefined; 'aria-invalid': boolean | undefined }

interface FieldProps {
  label: ReactNode;
  hint?: ReactNode;
  error?: string | undefined;
  className?: string;
  children: (field: FieldState) => ReactNode;
}

/** A label above, one control, and below it either the hint or what is wrong. */
export function Field({ label, hint, error, className, children }: FieldProps) {
  const id = useId();
  const below = error ?? hint;
  return (
    <div className={cn('grid min-w-0 content-start gap-1.5', className)}>
      <label htmlFor={id} className="font-medium leading-4">{label}</label>
      {children({ id, 'aria-describedby': below ? `${id}-below` : undefined, 'aria-invalid': error ? true : undefined })}
      {error
        ? <p id={`${id}-below`} role="alert" className="flex items-center gap-1 text-xs text-destructive"><CircleAlert aria-hidden className="size-3.5 shrink-0" />{error}</p>
        : hint && <div id={`${id}-below`} className="text-xs text-muted-foreground">{hint}</div>}
    </div>
  );
}
