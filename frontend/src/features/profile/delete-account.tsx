'use client';

import { useQueryClient } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useState, type FormEvent } from 'react';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Dialog, DialogClose, DialogContent } from '@/components/ui/dialog';
import { Field, Input } from '@/components/ui/field';
import { deleteMe } from '@/lib/api/generated';
import { ApiProblem } from '@/lib/api/problem';
import { forgetSession } from '@/lib/session';

export function DeleteAccount({ email }: { email: string }) {
  const t = useTranslations('account');
  const queries = useQueryClient();
  const router = useRouter();
  const [open, setOpen] = useState(false);
  const [password, setPassword] = useState('');
  const [problem, setProblem] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const wrong = problem instanceof ApiProblem && problem.isAbout('/current_password');
  const turn = (next: boolean) => { setOpen(next); setPassword(''); setProblem(null); };
  const remove = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await deleteMe({ body: { current_password: password }, throwOnError: true });
      forgetSession();
      router.replace('/');
      queries.clear();
    } catch (refusal) {
      setProblem(refusal);
      setBusy(false);
    }
  };
  return (
    <div>
      <Button variant="danger" onClick={() => turn(true)}>{t('delete')}</Button>
      <Dialog open={open} onOpenChange={turn}>
        <DialogContent title={t('deleteTitle', { email })} description={t('deleteText')}>
          <form noValidate className="grid gap-4" onSubmit={(event) => void remove(event)}>
            {problem !== null && !wrong && <ProblemAlert problem={problem} />}
            <Field label={t('password')} error={wrong ? t('passwordWrong') : undefined}>{(field) => <Input {...field} type="password" autoComplete="current-password" value={password} onChange={(event) => setPassword(event.target.value)} />}</Field>
            <div className="flex justify-end gap-2"><DialogClose asChild><Button>{t('keep')}</Button></DialogClose><Button type="submit" variant="destructive" disabled={busy || !password}>{t('deleteAction')}</Button></div>
          </form>
        </DialogContent>
      </Dialog>
    </div>
  );
}
