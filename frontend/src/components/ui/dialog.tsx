'use client';

import { X } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { Dialog as Radix } from 'radix-ui';
import type { ComponentProps, ReactNode } from 'react';
import { cn } from '@/lib/cn';
import { Button } from './button';

export const Dialog = Radix.Root;
export const DialogTrigger = Radix.Trigger;
export const DialogClose = Radix.Close;

export function DialogContent({ title, description, className, children, ...props }: ComponentProps<typeof Radix.Content> & { title: ReactNode; description?: ReactNode }) {
  return (
    <Radix.Portal>
      <Radix.Overlay className="fixed inset-0 z-40 bg-overlay data-[state=open]:animate-in data-[state=open]:fade-in-0" />
      <Radix.Content
        className={cn('shadow-dialog fixed top-[18vh] left-1/2 z-50 grid max-h-[75vh] w-[440px] max-w-[calc(100vw-32px)] -translate-x-1/2 gap-4 overflow-y-auto rounded-xl bg-popover px-6 py-5 text-popover-foreground data-[state=open]:animate-in data-[state=open]:fade-in-0 data-[state=open]:slide-in-from-top-1', className)}
        {...(description ? {} : { 'aria-describedby': undefined })}
        {...props}
      >
        <div className="grid gap-1">
          <Radix.Title className="text-lg font-semibold tracking-tight break-words">{title}</Radix.Title>
          {description && <Radix.Description asChild><div className="text-muted-foreground">{description}</div></Radix.Description>}
        </div>
        {children}
      </Radix.Content>
    </Radix.Portal>
  );
}

/** What slides in from a side: the navigation of narrow screens on the left, posts and forms on the right. */
export function Sheet({ side, label, className, children, ...props }: ComponentProps<typeof Radix.Content> & { side: 'left' | 'right'; label: string }) {
  return (
    <Radix.Portal>
      <Radix.Overlay className="fixed inset-0 z-40 bg-overlay data-[state=open]:animate-in data-[state=open]:fade-in-0" />
      <Radix.Content
        aria-describedby={undefined}
        className={cn('shadow-panel fixed inset-y-0 z-50 flex w-[280px] max-w-[85vw] flex-col bg-popover duration-200 data-[state=open]:animate-in', side === 'left' ? 'left-0 data-[state=open]:slide-in-from-left-2' : 'right-0 data-[state=open]:slide-in-from-right-2', className)}
        {...props}
      >
        <Radix.Title className="sr-only">{label}</Radix.Title>
        {children}
      </Radix.Content>
    </Radix.Portal>
  );
}

export function CloseButton(props: ComponentProps<typeof Button>) {
  const t = useTranslations('common');
  return <Button variant="ghost" size="icon-sm" aria-label={t('close')} title={t('close')} {...props}><X aria-hidden /></Button>;
}
