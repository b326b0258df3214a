'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { useQueryClient } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import * as z from 'zod';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Field, Input } from '@/components/ui/field';
import { updateMe } from '@/lib/api/generated';
import { getMeQueryKey } from '@/lib/api/generated/@tanstack/react-query.gen';
import { ApiProblem } from '@/lib/api/problem';

const schema = z.object({ current_password: z.string().min(1), password: z.string().min(8).max(1024) });
const EMPTY = { current_password: '', password: '' };

export function PasswordForm() {
  const t = useTranslations('profile');
  const queries = useQueryClient();
  const [problem, setProblem] = useState<unknown>(null);
  const [changed, setChanged] = useState(false);
  const { register, handleSubmit, reset, setError, formState: { errors, isSubmitting } } = useForm({ resolver: zodResolver(schema), defaultValues: EMPTY });
  const submit = handleSubmit(async (body) => {
    setProblem(null);
    try {
      const { data } = await updateMe({ body, throwOnError: true });
      queries.setQueryData(getMeQueryKey(), data);
      reset(EMPTY);
      setChanged(true);
    } catch (refusal) {
      if (refusal instanceof ApiProblem && refusal.code === 'weak_password') setError('password', { type: 'server', message: refusal.message });
      else if (refusal instanceof ApiProblem && refusal.isAbout('/current_password')) setError('current_password', { type: 'server' });
      else setProblem(refusal);
    }
  });
  return (
    <form noValidate onSubmit={(event) => void submit(event)} onChange={() => setChanged(false)} className="grid gap-4">
      {problem !== null && <ProblemAlert problem={problem} />}
      <Field label={t('current')} error={errors.current_password && (errors.current_password.type === 'server' ? t('currentWrong') : t('currentNeeded'))}>
        {(field) => <Input {...field} {...register('current_password')} type="password" autoComplete="current-password" />}
      </Field>
      <Field label={t('new')} hint={t('newHint')} error={errors.password && (errors.password.type === 'server' ? errors.password.message : t('newHint'))}>
        {(field) => <Input {...field} {...register('password')} type="password" autoComplete="new-password" />}
      </Field>
      <div className="flex items-center gap-3"><Button type="submit" disabled={isSubmitting}>{t('change')}</Button><span role="status" className="text-xs text-muted-foreground">{changed && t('changed')}</span></div>
    </form>
  );
}
