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
import { updateMe, type MeView } from '@/lib/api/generated';
import { getMeQueryKey } from '@/lib/api/generated/@tanstack/react-query.gen';

const schema = z.object({ name: z.string().trim().min(1).max(100) });

export function NameForm({ me }: { me: MeView }) {
  const t = useTranslations('profile');
  const queries = useQueryClient();
  const [problem, setProblem] = useState<unknown>(null);
  const [saved, setSaved] = useState(false);
  const { register, handleSubmit, formState: { errors, isSubmitting } } = useForm({ resolver: zodResolver(schema), defaultValues: { name: me.user.data.name ?? '' } });
  const submit = handleSubmit(async (body) => {
    setProblem(null);
    try {
      const { data } = await updateMe({ body, throwOnError: true });
      queries.setQueryData(getMeQueryKey(), data);
      setSaved(true);
    } catch (refusal) {
      setProblem(refusal);
    }
  });
  return (
    <form noValidate onSubmit={(event) => void submit(event)} onChange={() => setSaved(false)} className="grid gap-4">
      {problem !== null && <ProblemAlert problem={problem} />}
      <Field label={t('name')} error={errors.name && t('nameNeeded')}>{(field) => <Input {...field} {...register('name')} autoComplete="name" />}</Field>
      <div className="flex items-center gap-3"><Button type="submit" disabled={isSubmitting}>{t('saveName')}</Button><span role="status" className="text-xs text-muted-foreground">{saved && t('saved')}</span></div>
    </form>
  );
}
