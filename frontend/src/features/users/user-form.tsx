'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { toast } from 'sonner';
import * as z from 'zod';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Field, Input, Select } from '@/components/ui/field';
import type { ResourceAccountData, ResourceRoleData } from '@/lib/api/generated';
import { ApiProblem } from '@/lib/api/problem';
import { useRoleName } from '@/lib/role-name';
import { useMe } from '@/lib/session';
import { useChangeUser, useForgetUsers, within } from './queries';

const schema = z.object({ name: z.string().trim().max(100), email: z.email(), role_id: z.string().min(1) });

interface UserFormProps { user: ResourceAccountData; etag: string; roles: ResourceRoleData[]; own: boolean }

/** Name, address and role. Of the own account only the name. */
export function UserForm({ user, etag, roles, own }: UserFormProps) {
  const t = useTranslations('users');
  const roleName = useRoleName();
  const permissions = useMe().data?.permissions ?? [];
  const change = useChangeUser();
  const forget = useForgetUsers();
  const [problem, setProblem] = useState<unknown>(null);
  const { register, handleSubmit, reset, setError, formState: { errors, isSubmitting, isDirty, dirtyFields } } = useForm({ resolver: zodResolver(schema), defaultValues: { name: user.data.name ?? '', email: user.data.email, role_id: user.data.role_id } });
  const submit = handleSubmit(async ({ name, email, role_id }) => {
    setProblem(null);
    if (!name && dirtyFields.name) { setError('name', { type: 'empty' }); return; }
    try {
      await change.mutateAsync({ id: user.uid, etag, body: { ...(dirtyFields.name ? { name } : {}), ...(dirtyFields.email ? { email } : {}), ...(dirtyFields.role_id ? { role_id } : {}) } });
      toast(t('saved', { name: name || email }));
    } catch (refusal) {
      if (refusal instanceof ApiProblem && refusal.code === 'conflict') setError('email', { type: 'server' });
      else setProblem(refusal);
    }
  });
  const stale = problem instanceof ApiProblem && problem.code === 'precondition_failed';
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="grid gap-4">
      {problem !== null && <ProblemAlert problem={problem} actions={stale && <Button size="sm" onClick={() => void forget()}>{t('readAgain')}</Button>} />}
      <Field label={t('name')} error={errors.name && t(errors.name.type === 'empty' ? 'nameKept' : 'nameTooLong')}>{(field) => <Input {...field} {...register('name')} autoComplete="off" />}</Field>
      {!own && (
        <>
          <Field label={t('email')} error={errors.email && t(errors.email.type === 'server' ? 'emailTaken' : 'emailWrong')}>{(field) => <Input {...field} {...register('email')} type="email" autoComplete="off" spellCheck={false} />}</Field>
          <Field label={t('role')}>{(field) => <Select {...field} {...register('role_id')}>{roles.map((role) => <option key={role.uid} value={role.uid} disabled={!within(role, permissions)}>{roleName(role.data.name)}</option>)}</Select>}</Field>
        </>
      )}
      <div className="flex gap-2"><Button type="submit" disabled={isSubmitting || !isDirty}>{t('save')}</Button>{isDirty && <Button variant="ghost" onClick={() => reset()}>{t('discard')}</Button>}</div>
    </form>
  );
}
