'use client';

import { Portal } from 'radix-ui';
import { DismissableLayer, FocusScope } from 'radix-ui/internal';
import { createContext, use, useLayoutEffect, useRef, useSyncExternalStore, type ReactNode } from 'react';
import { never } from '@/lib/never';
import { CloseButton } from './ui/dialog';

interface SidePanelProps {
  open: boolean;
  /** What it shows: opening another thing from the page keeps the way back. */
  of?: unknown;
  label: string;
  onClose: () => void;
  children: ReactNode;
}

/** Where in the page it stands: before what it is about, so that Tab leads on into that. */
export const PANEL_PLACE = 'panel-place';

const CloseContext = createContext(() => {});

/**
 * What opens beside the page, which stays usable: Tab leads on into it. On narrow screens it comes from below, over the page,
 * and keeps the focus. Closing it gives the focus back.
 */
export function SidePanel({ open, ...props }: SidePanelProps) {
  return open && <OpenPanel {...props} />;
}

// Not Radix' dialog: that one leads Tab round in a circle, even where it is not modal.
function OpenPanel({ of, label, onClose, children }: Omit<SidePanelProps, 'open'>) {
  const opener = useRef<Element | null>(null);
  // Before the panel takes the focus.
  useLayoutEffect(() => { if (!document.activeElement?.closest('[role=dialog], [role=menu]')) opener.current = document.activeElement; }, [of]);
  // A panel that opens together with its page has no place while both are drawn first, and gets it then: one that changed
  // its place would be made anew, and lose what was typed into it.
  const place = useSyncExternalStore(never, () => document.getElementById(PANEL_PLACE), () => null);
  const covers = matchMedia('(width < 48rem)').matches;
  return place && (
    <Portal.Root container={place}>
      <FocusScope.Root
        asChild
        loop={covers}
        onUnmountAutoFocus={(event) => { event.preventDefault(); if (opener.current instanceof HTMLElement || opener.current instanceof SVGElement) opener.current.focus(); }}
      >
        <DismissableLayer.Root
          role="dialog"
          aria-label={label}
          onInteractOutside={(event) => event.preventDefault()}
          onDismiss={onClose}
          className="no-print fixed inset-y-0 right-0 z-30 flex w-(--panel-width) animate-in slide-in-from-right-2 flex-col bg-popover shadow-[var(--shadow-panel)] duration-200 max-md:inset-x-0 max-md:top-16 max-md:w-auto max-md:rounded-t-xl max-md:shadow-[0_0_0_100vmax_var(--overlay)]"
        >
          <CloseContext value={onClose}>{children}</CloseContext>
        </DismissableLayer.Root>
      </FocusScope.Root>
    </Portal.Root>
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
        <CloseButton onClick={use(CloseContext)} />
      </div>
      {below}
    </header>
  );
}
