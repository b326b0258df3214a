'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { useTranslations } from 'next-intl';
import { useMemo, useState } from 'react';
import { useForm } from 'react-hook-form';
import { toast } from 'sonner';
import * as z from 'zod';
import { BothChanged } from '@/components/both-changed';
import { SavingProblem } from '@/components/saving-problem';
import { Button } from '@/components/ui/button';
import { Field, Input, Select } from '@/components/ui/field';
import type { ResourceAccountData, ResourceRoleData } from '@/lib/api/generated';
import { ApiProblem, isStale } from '@/lib/api/problem';
import { useRevised } from '@/lib/revised-form';
import { useRoleName } from '@/lib/role-name';
import { useMe } from '@/lib/session';
import { useChangeUser, useForgetUsers, within } from './queries';

const schema = z.object({ name: z.string().trim().max(100), email: z.email(), role_id: z.string().min(1) });
type Fields = z.infer<typeof schema>;
const WORDS = { name: 'name', email: 'email', role_id: 'role' } as const satisfies Record<keyof Fields, string>;

interface UserFormProps { user: ResourceAccountData; etag: string; roles: ResourceRoleData[]; own: boolean }

/** Name, address and role. Of the own account only the name. */
export function UserForm({ user, etag, roles, own }: UserFormProps) {
  const t = useTranslations('users'), saving = useTranslations('saving');
  const roleName = useRoleName();
  const permissions = useMe().data?.permissions ?? [];
  const change = useChangeUser();
  const forget = useForgetUsers();
  const [problem, setProblem] = useState<unknown>(null);
  const now = useMemo(() => ({ name: user.data.name ?? '', email: user.data.email, role_id: user.data.role_id }), [user]);
  const form = useForm({ resolver: zodResolver(schema), defaultValues: now });
  const { register, handleSubmit, reset, resetField, getValues, setError, formState: { errors, isSubmitting, isDirty, dirtyFields } } = form;
  const { conflicts, keepYours } = useRevised(form, now);
  const submit = handleSubmit(async ({ name, email, role_id }) => {
    setProblem(null);
    if (!name && dirtyFields.name) { setError('name', { type: 'empty' }); return; }
    try {
      await change.mutateAsync({ id: user.uid, etag, body: { ...(dirtyFields.name ? { name } : {}), ...(dirtyFields.email ? { email } : {}), ...(dirtyFields.role_id ? { role_id } : {}) } });
      toast(t('saved', { name: name || email }));
    } catch (refusal) {
      if (refusal instanceof ApiProblem && refusal.code === 'conflict') setError('email', { type: 'server' });
      else setProblem(refusal);
      if (isStale(refusal)) await forget();
    }
  });
  const shown = (field: keyof Fields, value: string) => (field === 'role_id' ? roleName(roles.find(({ uid }) => uid === value)?.data.name ?? value) : value || '–');
  const conflict = (field: keyof Fields) => conflicts.includes(field) && (
    <BothChanged field={t(WORDS[field])} theirs={shown(field, now[field])} yours={shown(field, getValues(field))} onTheirs={() => resetField(field)} onYours={() => keepYours(field)} />
  );
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="grid gap-4">
      {problem !== null && <SavingProblem problem={problem} hasConflicts={conflicts.length > 0} />}
      <Field label={t('name')} error={errors.name && t(errors.name.type === 'empty' ? 'nameKept' : 'nameTooLong')}>{(field) => <Input {...field} {...register('name')} autoComplete="off" />}</Field>
      {conflict('name')}
      {!own && (
        <>
          <Field label={t('email')} error={errors.email && t(errors.email.type === 'server' ? 'emailTaken' : 'emailWrong')}>{(field) => <Input {...field} {...register('email')} type="email" autoComplete="off" spellCheck={false} />}</Field>
          {conflict('email')}
          <Field label={t('role')}>{(field) => <Select {...field} {...register('role_id')}>{roles.map((role) => <option key={role.uid} value={role.uid} disabled={!within(role, permissions)}>{roleName(role.data.name)}</option>)}</Select>}</Field>
          {conflict('role_id')}
        </>
      )}
      <div className="flex gap-2"><Button type="submit" disabled={isSubmitting || !isDirty || conflicts.length > 0} title={conflicts.length > 0 ? saving('chooseFirst') : undefined}>{t('save')}</Button>{isDirty && <Button variant="ghost" onClick={() => { reset(); setProblem(null); }}>{t('discard')}</Button>}</div>
    </form>
  );
}
