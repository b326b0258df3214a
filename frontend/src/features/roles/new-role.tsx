'use client';

import { useMutation } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Field, Input, Select } from '@/components/ui/field';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { createRole, type Permission } from '@/lib/api/generated';
import { useRoleName } from '@/lib/role-name';
import { isNameTaken, useForgetRoles, type Role } from './queries';

/** A role begins with what another one allows, or with nothing; the rest is set in its column. */
export function NewRole({ roles, own }: { roles: Role[]; own: readonly Permission[] }) {
  const t = useTranslations('roles');
  const [open, setOpen] = useState(false);
  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger asChild><Button size="sm"><Plus aria-hidden />{t('add')}</Button></PopoverTrigger>
      <PopoverContent align="end" className="w-72" aria-label={t('newTitle')}><Form roles={roles} own={own} onDone={() => setOpen(false)} /></PopoverContent>
    </Popover>
  );
}

function Form({ roles, own, onDone }: { roles: Role[]; own: readonly Permission[]; onDone: () => void }) {
  const t = useTranslations('roles');
  const roleName = useRoleName();
  const forget = useForgetRoles();
  const [name, setName] = useState('');
  const [like, setLike] = useState('');
  const { mutate: make, isPending: busy, error: problem, reset } = useMutation({
    mutationFn: () => createRole({ body: { name: name.trim(), permissions: roles.find(({ uid }) => uid === like)?.permissions ?? [] }, throwOnError: true }),
    onSuccess: () => { onDone(); return forget(); },
  });
  const taken = isNameTaken(problem);
  return (
    <form className="grid gap-3" onSubmit={(event) => { event.preventDefault(); make(); }}>
      {problem !== null && !taken && <ProblemAlert problem={problem} />}
      <Field label={t('name')} error={taken ? t('nameTaken') : undefined}>{(field) => <Input {...field} value={name} maxLength={50} onChange={(event) => { setName(event.target.value); reset(); }} />}</Field>
      <Field label={t('like')}>
        {(field) => (
          <Select {...field} value={like} onChange={(event) => setLike(event.target.value)}>
            <option value="">{t('nothing')}</option>
            {roles.map((role) => <option key={role.uid} value={role.uid} disabled={!role.permissions.every((one) => own.includes(one))}>{roleName(role.name)}</option>)}
          </Select>
        )}
      </Field>
      <div><Button type="submit" size="sm" variant="primary" disabled={busy || !name.trim()}>{t('make')}</Button></div>
    </form>
  );
}
