'use client';

import { Popover as Radix } from 'radix-ui';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

export const Popover = Radix.Root;
export const PopoverTrigger = Radix.Trigger;
export const PopoverClose = Radix.Close;

export function PopoverContent({ className, ...props }: ComponentProps<typeof Radix.Content>) {
  return (
    <Radix.Portal>
      <Radix.Content
        align="start"
        sideOffset={4}
        collisionPadding={8}
        className={cn('shadow-popover z-50 max-w-[calc(100vw-16px)] rounded-lg bg-popover p-3 text-popover-foreground data-[state=open]:animate-in data-[state=open]:fade-in-0', className)}
        {...props}
      />
    </Radix.Portal>
  );
}
