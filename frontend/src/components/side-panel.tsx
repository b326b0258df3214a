'use client';

import { Dialog } from 'radix-ui';
import { useEffect, useRef, type ReactNode } from 'react';
import { CloseButton } from './ui/dialog';

interface SidePanelProps {
  open: boolean;
  /** What it shows: opening another thing from the page keeps the way back. */
  of?: unknown;
  label: string;
  onClose: () => void;
  children: ReactNode;
}

/** What opens beside the page, which stays usable. On narrow screens it comes from below. Closing it gives the focus back. */
export function SidePanel({ open, of, label, onClose, children }: SidePanelProps) {
  const opener = useRef<Element | null>(null);
  useEffect(() => { if (open && !document.activeElement?.closest('[role=dialog], [role=menu]')) opener.current = document.activeElement; }, [open, of]);
  return (
    <Dialog.Root open={open} modal={false} onOpenChange={(next) => { if (!next) onClose(); }}>
      <Dialog.Portal>
        <Dialog.Content
          aria-describedby={undefined}
          onInteractOutside={(event) => event.preventDefault()}
          onCloseAutoFocus={(event) => { event.preventDefault(); if (opener.current instanceof HTMLElement || opener.current instanceof SVGElement) opener.current.focus(); }}
          className="no-print fixed inset-y-0 right-0 z-30 flex w-(--panel-width) flex-col bg-popover shadow-[var(--shadow-panel)] duration-200 data-[state=open]:animate-in data-[state=open]:slide-in-from-right-2 max-md:inset-x-0 max-md:top-16 max-md:w-auto max-md:rounded-t-xl max-md:shadow-[0_0_0_100vmax_var(--overlay)]"
        >
          <Dialog.Title className="sr-only">{label}</Dialog.Title>
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** The head of a panel: its title, a line below, and the way out. */
export function SidePanelHeader({ title, children, below }: { title: ReactNode; children?: ReactNode; below?: ReactNode }) {
  return (
    <header className="border-b px-5 pt-3 pb-3 max-md:px-4">
      <div className="flex items-start gap-2">
        <div className="min-w-0 flex-1">
          <p aria-hidden className="truncate text-lg font-semibold tracking-tight">{title}</p>
          {children}
        </div>
        <Dialog.Close asChild><CloseButton /></Dialog.Close>
      </div>
      {below}
    </header>
  );
}
