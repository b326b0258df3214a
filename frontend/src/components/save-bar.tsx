'use client';

import { Info } from 'lucide-react';
import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { useUnsaved } from '@/lib/leaving';
import { Button } from './ui/button';
import { ConfirmDialog } from './confirm-dialog';

interface SaveBarProps {
  dirty: boolean;
  busy: boolean;
  /** Names what is saved. */
  save: string;
  /** What is different, and who is hit. */
  children: ReactNode;
  /** Why it can't be saved yet. */
  blocked?: string | undefined;
  onSave: () => void;
  onDiscard: () => void;
}

/** Stands at the foot of a page while something is unsaved, and holds whoever leaves. */
export function SaveBar({ dirty, busy, save, children, blocked, onSave, onDiscard }: SaveBarProps) {
  const t = useTranslations('saving');
  return (
    <>
      {dirty && (
        <div data-slot="save-bar" role="group" aria-label={t('unsaved')} className="no-print gutter sticky bottom-0 z-20 mt-auto flex flex-wrap items-center gap-x-4 gap-y-2 border-t bg-background py-2.5">
          <div role="status" className="flex min-w-0 flex-1 basis-64 items-start gap-2"><Info aria-hidden className="mt-[3px] size-3.5 shrink-0" /><div className="min-w-0">{children}</div></div>
          <div className="ml-auto flex shrink-0 gap-2"><Button size="sm" variant="ghost" disabled={busy} onClick={onDiscard}>{t('discard')}</Button><Button size="sm" variant="primary" disabled={busy || Boolean(blocked)} title={blocked} onClick={onSave}>{save}</Button></div>
        </div>
      )}
      <HoldLeaving dirty={dirty} onDiscard={onDiscard} />
    </>
  );
}

/** Asks whoever leaves what is unsaved. */
export function HoldLeaving({ dirty, onDiscard }: Pick<SaveBarProps, 'dirty' | 'onDiscard'>) {
  const t = useTranslations('saving');
  const { going, stay } = useUnsaved(dirty);
  return <ConfirmDialog open={going !== null} onOpenChange={stay} title={t('leaveAsk')} description={t('leaveText')} keep={t('stay')} action={t('leave')} onConfirm={() => { onDiscard(); going?.(); return Promise.resolve(); }} />;
}
