'use client';

import { useMutation } from '@tanstack/react-query';
import { ChevronDown, Lock } from 'lucide-react';
import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Field, Input } from '@/components/ui/field';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { deleteRole, updateRole, type Permission } from '@/lib/api/generated';
import { pathsOf } from '@/lib/paths';
import { useRoleName } from '@/lib/role-name';
import { isNameTaken, useForgetRoles, type Role, type UserCount } from './queries';

interface RoleHeadProps { role: Role; count: UserCount | undefined; mayManage: boolean; own: readonly Permission[] }

/** A role's name and how many have it; opened, it can be renamed and deleted. */
export function RoleHead({ role, count, mayManage, own }: RoleHeadProps) {
  const t = useTranslations('roles');
  const roleName = useRoleName();
  const [open, setOpen] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const forget = useForgetRoles();
  const name = roleName(role.name);
  const users = count && t(count.more ? 'usersMore' : 'users', { count: count.users });
  const below = <small className="block text-xs font-normal text-muted-foreground">{[users, role.fixed && t('builtIn')].filter(Boolean).join(', ') || ' '}</small>;
  const remove = async () => {
    await deleteRole({ path: { id: role.uid }, headers: { 'If-Match': role.etag }, throwOnError: true });
    await forget();
  };
  if (role.fixed || !mayManage || !role.permissions.every((one) => own.includes(one))) {
    return <><span className="inline-flex min-h-6 items-center gap-1 text-sm font-medium text-foreground">{name}{role.fixed === 'admin' && <Lock aria-label={t('adminFixed')} className="size-3 text-muted-foreground" />}</span>{below}</>;
  }
  return (
    <>
      <Popover open={open} onOpenChange={setOpen}>
        <PopoverTrigger className="inline-flex min-h-6 max-w-36 items-center gap-1 rounded-sm text-sm font-medium text-foreground hover:underline"><span className="truncate">{name}</span><ChevronDown aria-hidden className="size-3 shrink-0" /></PopoverTrigger>
        <PopoverContent align="end" className="grid w-72 gap-3 text-left text-sm font-normal whitespace-normal" aria-label={name}>
          <Rename role={role} onDone={() => setOpen(false)} />
          <div className="grid gap-2 border-t pt-3">
            {count && count.users > 0
              ? <p className="text-muted-foreground">{t('inUse', { count: count.users })} <Link className="link text-foreground" href={pathsOf('admin').usersWith(role.uid)}>{t('showUsers')}</Link></p>
              : <div><Button variant="danger" size="sm" onClick={() => { setOpen(false); setDeleting(true); }}>{t('delete')}</Button></div>}
          </div>
        </PopoverContent>
      </Popover>
      {below}
      <ConfirmDialog open={deleting} onOpenChange={setDeleting} title={t('deleteAsk', { name })} description={t('deleteText')} keep={t('keep')} action={t('delete')} onConfirm={remove} />
    </>
  );
}

function Rename({ role, onDone }: { role: Role; onDone: () => void }) {
  const t = useTranslations('roles');
  const forget = useForgetRoles();
  const [name, setName] = useState(role.name);
  const { mutate: rename, isPending: busy, error: problem, reset } = useMutation({
    mutationFn: () => updateRole({ path: { id: role.uid }, headers: { 'If-Match': role.etag }, body: { name: name.trim() }, throwOnError: true }),
    onSuccess: () => { onDone(); return forget(); },
  });
  const taken = isNameTaken(problem);
  return (
    <form className="grid gap-3" onSubmit={(event) => { event.preventDefault(); rename(); }}>
      {problem !== null && !taken && <ProblemAlert problem={problem} />}
      <Field label={t('name')} error={taken ? t('nameTaken') : undefined}>{(field) => <Input {...field} value={name} maxLength={50} onChange={(event) => { setName(event.target.value); reset(); }} />}</Field>
      <div><Button type="submit" size="sm" disabled={busy || !name.trim() || name.trim() === role.name}>{t('rename')}</Button></div>
    </form>
  );
}
