'use client';

import { ArrowDown, ArrowUp } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { toast } from 'sonner';
import { Initials } from '@/components/initials';
import { Select } from '@/components/ui/field';
import type { ResourceAccountData, ResourceRoleData } from '@/lib/api/generated';
import { useFormat } from '@/lib/format';
import { useProblemText } from '@/lib/problem-text';
import { useRoleName } from '@/lib/role-name';
import { useMe } from '@/lib/session';
import { nameOf, useChangeUser, useUndoChange, within } from './queries';
import { UserStatus } from './user-status';

export const SORTS = ['-createdAt', 'createdAt', 'email', '-email'] as const;
type Sort = (typeof SORTS)[number];

interface UserTableProps {
  users: ResourceAccountData[];
  roles: ResourceRoleData[];
  sort: Sort;
  mayManage: boolean;
  onSort: (sort: Sort) => void;
  onOpen: (id: string) => void;
}

export function UserTable({ users, roles, sort, mayManage, onSort, onOpen }: UserTableProps) {
  const t = useTranslations('users');
  const format = useFormat();
  const me = useMe().data;
  return (
    <table className="table full" aria-label={t('title')}>
      <thead>
        <tr>
          <Sortable of="email" sort={sort} onSort={onSort}>{t('user')}</Sortable>
          <th scope="col">{t('role')}</th>
          <th scope="col" className="max-md:hidden">{t('status')}</th>
          <Sortable of="createdAt" sort={sort} onSort={onSort} className="max-lg:hidden">{t('added')}</Sortable>
          <th scope="col" className="max-lg:hidden">{t('lastSignIn')}</th>
        </tr>
      </thead>
      <tbody>
        {users.map((user) => (
          <tr key={user.uid}>
            <td className="h-11! max-w-0 max-md:py-1.5! md:w-2/5">
              <span className="flex items-center gap-2.5">
                <Initials name={nameOf(user)} />
                <span className="min-w-0 flex-1 leading-4">
                  <span className="flex min-w-0 gap-1.5"><button type="button" onClick={() => onOpen(user.uid)} className="truncate rounded-sm font-medium hover:underline">{nameOf(user)}</button>{user.uid === me?.user.uid && <span className="shrink-0 text-muted-foreground">{t('you')}</span>}</span>
                  {user.data.name && <span className="block truncate text-xs text-muted-foreground">{user.data.email}</span>}
                  <span className="block text-xs leading-4 md:hidden"><UserStatus user={user} /></span>
                </span>
              </span>
            </td>
            <td className="max-md:w-32"><RoleChoice user={user} roles={roles} mayManage={mayManage} /></td>
            <td className="whitespace-nowrap max-md:hidden"><UserStatus user={user} /></td>
            <td className="tabular whitespace-nowrap text-muted-foreground max-lg:hidden">{format.date(user.createdAt)}</td>
            <td className="tabular whitespace-nowrap text-muted-foreground max-lg:hidden">{user.data.last_sign_in_at ? format.dateTime(user.data.last_sign_in_at) : t('never')}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Sortable({ of, sort, onSort, className, children }: { of: 'email' | 'createdAt'; sort: Sort; onSort: (sort: Sort) => void; className?: string; children: string }) {
  const order = sort === of ? 'ascending' : sort === `-${of}` ? 'descending' : undefined;
  const Icon = order === 'ascending' ? ArrowUp : ArrowDown;
  return (
    <th scope="col" aria-sort={order} className={className}>
      <button type="button" onClick={() => onSort(order === 'ascending' ? `-${of}` : order ? of : of === 'email' ? 'email' : '-createdAt')} className="-my-1 inline-flex items-center gap-1 rounded-sm py-1 leading-4 hover:text-foreground">
        {children}{order && <Icon aria-hidden className="size-3" />}
      </button>
    </th>
  );
}

/** The role, to be changed on the spot; a change can be taken back. */
function RoleChoice({ user, roles, mayManage }: { user: ResourceAccountData; roles: ResourceRoleData[]; mayManage: boolean }) {
  const t = useTranslations('users');
  const roleName = useRoleName();
  const me = useMe().data;
  const change = useChangeUser();
  const undo = useUndoChange();
  const problemText = useProblemText();
  const own = me?.permissions ?? [];
  const locked = user.uid === me?.user.uid ? t('ownRole') : within(roles.find(({ uid }) => uid === user.data.role_id), own) ? undefined : t('beyondYou');
  if (!mayManage) return roleName(user.data.role);
  const isNow = (account: ResourceAccountData) => t('roleGiven', { name: nameOf(account), role: roleName(account.data.role) });
  const takeBack = async (given: { user: ResourceAccountData; etag: string }) => {
    const before = await undo(given, { role_id: user.data.role_id });
    if (before) toast(isNow(before));
  };
  const give = async (role_id: string) => {
    try {
      const given = await change.mutateAsync({ id: user.uid, body: { role_id } });
      toast(isNow(given.user), { action: { label: t('undo'), onClick: () => void takeBack(given) } });
    } catch (refusal) {
      const { title, detail } = problemText(refusal);
      toast.error(title, { description: detail });
    }
  };
  return (
    <Select
      aria-label={t('roleOf', { name: nameOf(user) })}
      value={change.isPending ? change.variables.body.role_id : user.data.role_id}
      disabled={Boolean(locked) || change.isPending}
      title={locked}
      onChange={(event) => void give(event.target.value)}
      className="h-7 w-36 border-border max-md:h-9 max-md:w-full"
    >
      {roles.map((role) => <option key={role.uid} value={role.uid} disabled={!within(role, own)}>{roleName(role.data.name)}</option>)}
    </Select>
  );
}
