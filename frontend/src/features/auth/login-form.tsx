'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import * as z from 'zod';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Field, Input } from '@/components/ui/field';
import { loginUser } from '@/lib/api/generated';
import { PasswordInput } from './password-input';

const schema = z.object({ email: z.string().trim().min(1), password: z.string().min(1) });

export function LoginForm({ onDone }: { onDone: () => Promise<void> }) {
  const t = useTranslations('auth');
  const [problem, setProblem] = useState<unknown>(null);
  const { register, handleSubmit, formState: { errors, isSubmitting } } = useForm({ resolver: zodResolver(schema), defaultValues: { email: '', password: '' } });
  const submit = handleSubmit(async (fields) => {
    setProblem(null);
    try {
      await loginUser({ body: fields, throwOnError: true });
      await onDone();
    } catch (refusal) {
      setProblem(refusal);
    }
  });
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="grid gap-4">
      {problem !== null && <ProblemAlert problem={problem} />}
      <Field label={t('email')} error={errors.email && t('emailNeeded')}>
        {(field) => <Input {...field} {...register('email')} type="email" autoComplete="username" className="h-10 text-base" />}
      </Field>
      <Field label={t('password')} error={errors.password && t('passwordNeeded')}>
        {(field) => <PasswordInput {...field} {...register('password')} autoComplete="current-password" />}
      </Field>
      <Button type="submit" variant="primary" size="lg" disabled={isSubmitting} className="w-full">{isSubmitting ? t('signingIn') : t('login')}</Button>
      <p className="text-xs text-muted-foreground">{t('forgotten')}</p>
    </form>
  );
}
