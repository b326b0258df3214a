'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { Plus } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import * as z from 'zod';
import { ProblemAlert } from '@/components/problem-alert';
import { SidePanelHeader } from '@/components/side-panel';
import { Button } from '@/components/ui/button';
import { Field, Input, Select } from '@/components/ui/field';
import { createUser, type CreatedAccount, type ResourceRoleData } from '@/lib/api/generated';
import { ApiProblem } from '@/lib/api/problem';
import { useRoleName } from '@/lib/role-name';
import { useMe } from '@/lib/session';
import { useForgetUsers, within } from './queries';
import { ShownOnce } from './shown-once';

const schema = z.object({ email: z.email(), name: z.string().trim().max(100), role_id: z.string().min(1) });

/** Makes an account, and shows the password to hand over. */
export function NewUser({ roles, onOpen }: { roles: ResourceRoleData[]; onOpen: (id: string) => void }) {
  const t = useTranslations('users');
  const roleName = useRoleName();
  const own = useMe().data?.permissions ?? [];
  const forget = useForgetUsers();
  const [made, setMade] = useState<CreatedAccount | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const { register, handleSubmit, reset, setError, formState: { errors, isSubmitting } } = useForm({ resolver: zodResolver(schema), defaultValues: { email: '', name: '', role_id: '' } });
  const submit = handleSubmit(async ({ email, name, role_id }) => {
    setProblem(null);
    try {
      const { data } = await createUser({ body: { email, role_id, ...(name ? { name } : {}) }, throwOnError: true });
      setMade(data);
      await forget();
    } catch (refusal) {
      if (refusal instanceof ApiProblem && refusal.code === 'conflict') setError('email', { type: 'server' });
      else setProblem(refusal);
    }
  });
  return (
    <>
      <SidePanelHeader title={t('newTitle')} />
      <div className="min-h-0 flex-1 overflow-y-auto px-5 py-4 max-md:px-4">
        {made ? (
          <div className="grid gap-4">
            {made.initial_password && <ShownOnce title={t('madeTitle', { name: made.data.name ?? made.data.email })} password={made.initial_password} />}
            <div className="flex flex-wrap gap-2"><Button onClick={() => { reset(); setMade(null); }}><Plus aria-hidden />{t('addAnother')}</Button><Button variant="ghost" onClick={() => onOpen(made.uid)}>{t('openAccount')}</Button></div>
          </div>
        ) : (
          <form noValidate onSubmit={(event) => void submit(event)} className="grid gap-4">
            {problem !== null && <ProblemAlert problem={problem} />}
            <Field label={t('email')} hint={t('emailHint')} error={errors.email && t(errors.email.type === 'server' ? 'emailTaken' : 'emailWrong')}>{(field) => <Input {...field} {...register('email')} type="email" autoComplete="off" spellCheck={false} autoFocus />}</Field>
            <Field label={t('name')} hint={t('nameHint')} error={errors.name && t('nameTooLong')}>{(field) => <Input {...field} {...register('name')} autoComplete="off" />}</Field>
            <Field label={t('role')} hint={t('roleHint')} error={errors.role_id && t('roleNeeded')}>
              {(field) => (
                <Select {...field} {...register('role_id')}>
                  <option value="" disabled>{t('chooseRole')}</option>
                  {roles.map((role) => <option key={role.uid} value={role.uid} disabled={!within(role, own)}>{roleName(role.data.name)}</option>)}
                </Select>
              )}
            </Field>
            <div><Button type="submit" variant="primary" disabled={isSubmitting}>{t('addUser')}</Button></div>
          </form>
        )}
      </div>
    </>
  );
}
