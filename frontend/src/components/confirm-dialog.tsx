'use client';

import { useState, type ReactNode } from 'react';
import { ProblemAlert } from './problem-alert';
import { Button } from './ui/button';
import { Dialog, DialogClose, DialogContent } from './ui/dialog';

interface ConfirmDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description: ReactNode;
  /** Names what is kept: "Keep the dataset". */
  keep: string;
  /** Names what goes: "Delete dataset". */
  action: string;
  onConfirm: () => Promise<unknown>;
}

/** Only for what can't be undone. */
export function ConfirmDialog({ open, onOpenChange, title, description, keep, action, onConfirm }: ConfirmDialogProps) {
  const [problem, setProblem] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const confirm = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await onConfirm();
      onOpenChange(false);
    } catch (refusal) {
      setProblem(refusal);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open={open} onOpenChange={(next) => { setProblem(null); onOpenChange(next); }}>
      <DialogContent title={title} description={description}>
        {problem !== null && <ProblemAlert problem={problem} />}
        <div className="flex justify-end gap-2">
          <DialogClose asChild><Button>{keep}</Button></DialogClose>
          <Button variant="destructive" disabled={busy} onClick={() => void confirm()}>{action}</Button>
        </div>
      </DialogContent>
    </Dialog>
  );
}
