'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { useState, type ReactNode } from 'react';
import { toast } from 'sonner';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { ProblemAlert } from '@/components/problem-alert';
import { SidePanelHeader } from '@/components/side-panel';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import type { ResourceAccountData, ResourceRoleData } from '@/lib/api/generated';
import { useFormat } from '@/lib/format';
import { useMe } from '@/lib/session';
import { makePassword } from './first-password';
import { nameOf, useChangeUser, useDeleteUser, useUndoChange, useUser, within } from './queries';
import { ShownOnce } from './shown-once';
import { UserForm } from './user-form';
import { UserSessions } from './user-sessions';
import { UserStatus } from './user-status';

interface UserPanelProps { id: string; roles: ResourceRoleData[]; mayManage: boolean; onClose: () => void }

/** One account: what it says, its sign-ins, and what can be done to it. */
export function UserPanel({ id, roles, mayManage, onClose }: UserPanelProps) {
  const t = useTranslations('users');
  const format = useFormat();
  const me = useMe().data;
  const account = useUser(id);
  const user = account.data?.user;
  const own = id === me?.user.uid;
  const beyond = user !== undefined && !within(roles.find(({ uid }) => uid === user.data.role_id), me?.permissions ?? []);
  return (
    <>
      <SidePanelHeader title={user ? nameOf(user) : t('panel')}><p className="truncate text-xs text-muted-foreground">{user?.data.email ?? ' '}</p></SidePanelHeader>
      <div className="relative min-h-0 flex-1 overflow-y-auto px-5 max-md:px-4">
        {account.error && <ProblemAlert problem={account.error} onRetry={() => void account.refetch()} className="my-4" />}
        {account.isPending && <div className="grid gap-3 py-4"><Skeleton className="h-8" /><Skeleton className="h-8" /><Skeleton className="h-24" /></div>}
        {account.data && user && (
          <>
            <dl className="grid grid-cols-[max-content_1fr] gap-x-6 gap-y-1 py-4 [&_dt]:text-muted-foreground">
              <dt>{t('status')}</dt><dd><UserStatus user={user} /></dd>
              <dt>{t('added')}</dt><dd className="tabular">{format.dateTime(user.createdAt)}, {user.createdBy === 'system' ? t('firstStart') : user.createdBy === user.uid ? t('registered') : t('byAdmin')}</dd>
              <dt>{t('lastSignIn')}</dt><dd className="tabular">{user.data.last_sign_in_at ? format.dateTime(user.data.last_sign_in_at) : t('never')}</dd>
            </dl>
            {mayManage && (own ? <p className="border-t py-4 text-muted-foreground">{t('ownText')} <Link className="link text-foreground" href="/profile">{t('toProfile')}</Link></p> : beyond && <p className="border-t py-4 text-muted-foreground">{t('beyondYou')}</p>)}
            {mayManage && !beyond && <Part title={t('details')}><UserForm key={id} user={user} etag={account.data.etag} roles={roles} own={own} /></Part>}
            <Part title={t('sessions')}><UserSessions user={user} mayEnd={mayManage && !beyond} /></Part>
            {mayManage && !own && !beyond && <Access user={user} etag={account.data.etag} onClose={onClose} />}
          </>
        )}
      </div>
    </>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return <section aria-label={title} className="grid gap-3 border-t py-4"><h2 className="text-sm">{title}</h2>{children}</section>;
}

/** What keeps somebody out, or lets them in again. */
function Access({ user, etag, onClose }: { user: ResourceAccountData; etag: string; onClose: () => void }) {
  const t = useTranslations('users');
  const change = useChangeUser();
  const deletion = useDeleteUser();
  const undo = useUndoChange();
  const [asked, ask] = useState<'password' | 'disable' | 'delete' | null>(null);
  const [password, setPassword] = useState<string | null>(null);
  const name = nameOf(user);
  const close = () => ask(null);
  const reset = async () => {
    const made = makePassword();
    await change.mutateAsync({ id: user.uid, etag, body: { password: made } });
    setPassword(made);
  };
  /** Either is taken back at a press. */
  const setDisabled = async (disabled: boolean) => {
    const changed = await change.mutateAsync({ id: user.uid, etag, body: { disabled } });
    toast(t(disabled ? 'isDisabled' : 'isEnabled', { name }), { action: { label: t('undo'), onClick: () => void undo(changed, { disabled: !disabled }) } });
  };
  const remove = async () => {
    await deletion.mutateAsync({ id: user.uid, etag });
    onClose();
  };
  return (
    <>
      <Part title={t('password')}>
        {password ? <ShownOnce title={t('resetTitle', { name })} password={password} /> : <p className="text-muted-foreground">{t('passwordText')}</p>}
        <div><Button onClick={() => ask('password')}>{t('reset')}</Button></div>
      </Part>
      <Part title={t('access')}>
        {change.error && change.variables.body.disabled === false && <ProblemAlert problem={change.error} />}
        <p className="text-muted-foreground">{user.data.disabled ? t('enableText') : t('disableText')}</p>
        <div className="flex flex-wrap gap-2">
          {user.data.disabled ? <Button disabled={change.isPending} onClick={() => void setDisabled(false).catch(() => {})}>{t('enable')}</Button> : <Button onClick={() => ask('disable')}>{t('disable')}</Button>}
          <Button variant="danger" onClick={() => ask('delete')}>{t('delete')}</Button>
        </div>
      </Part>
      <ConfirmDialog open={asked === 'password'} onOpenChange={close} title={t('resetAsk', { name })} description={t('resetText')} keep={t('keepPassword')} action={t('reset')} onConfirm={reset} />
      <ConfirmDialog open={asked === 'disable'} onOpenChange={close} title={t('disableAsk', { name })} description={t('disableText')} keep={t('keepEnabled')} action={t('disable')} onConfirm={() => setDisabled(true)} />
      <ConfirmDialog open={asked === 'delete'} onOpenChange={close} title={t('deleteAsk', { name })} description={t('deleteText')} keep={t('keepAccount')} action={t('delete')} onConfirm={remove} />
    </>
  );
}
