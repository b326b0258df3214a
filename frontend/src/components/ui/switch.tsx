'use client';

import { Switch as Radix } from 'radix-ui';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

/** On or off; what it says stands beside it. */
export function Switch({ className, ...props }: ComponentProps<typeof Radix.Root>) {
  return (
    <Radix.Root className={cn('inline-flex h-6 w-10 shrink-0 items-center rounded-full border border-input bg-secondary p-0.5 data-[state=checked]:border-foreground data-[state=checked]:bg-foreground', className)} {...props}>
      <Radix.Thumb className="block size-4.5 rounded-full bg-background shadow-[0_0_0_1px_var(--input)] transition-transform data-[state=checked]:translate-x-4" />
    </Radix.Root>
  );
}
