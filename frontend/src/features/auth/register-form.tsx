'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import * as z from 'zod';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Field, Input } from '@/components/ui/field';
import { loginUser, registerUser } from '@/lib/api/generated';
import { ApiProblem } from '@/lib/api/problem';
import { PasswordInput } from './password-input';

const schema = z.object({ name: z.string().trim().max(100), email: z.email(), password: z.string().min(8).max(1024) });

export function RegisterForm({ onDone }: { onDone: () => Promise<void> }) {
  const t = useTranslations('auth');
  const [problem, setProblem] = useState<unknown>(null);
  const { register, handleSubmit, setError, formState: { errors, isSubmitting } } = useForm({ resolver: zodResolver(schema), defaultValues: { name: '', email: '', password: '' } });
  const submit = handleSubmit(async ({ name, email, password }) => {
    setProblem(null);
    try {
      await registerUser({ body: { email, password, ...(name ? { name } : {}) }, throwOnError: true });
      await loginUser({ body: { email, password }, throwOnError: true });
      await onDone();
    } catch (refusal) {
      if (refusal instanceof ApiProblem && refusal.code === 'weak_password') setError('password', { type: 'server', message: refusal.message });
      else setProblem(refusal);
    }
  });
  // The answer to a registration does not tell whether the address had an account: the sign-in after it does.
  const taken = problem instanceof ApiProblem && problem.code === 'invalid_credentials';
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="grid gap-4">
      {taken ? <p role="alert" className="rounded-lg bg-status-paused-surface px-4 py-3">{t('taken')}</p> : problem !== null && <ProblemAlert problem={problem} />}
      <Field label={t('name')} hint={t('nameHint')} error={errors.name && t('nameTooLong')}>
        {(field) => <Input {...field} {...register('name')} autoComplete="name" className="h-10 text-base" />}
      </Field>
      <Field label={t('email')} error={errors.email && t('emailWrong')}>
        {(field) => <Input {...field} {...register('email')} type="email" autoComplete="username" className="h-10 text-base" />}
      </Field>
      <Field label={t('password')} hint={t('passwordHint')} error={errors.password && (errors.password.type === 'server' ? errors.password.message : t('passwordHint'))}>
        {(field) => <PasswordInput {...field} {...register('password')} autoComplete="new-password" />}
      </Field>
      <Button type="submit" variant="primary" size="lg" disabled={isSubmitting} className="w-full">{isSubmitting ? t('registering') : t('register')}</Button>
    </form>
  );
}
