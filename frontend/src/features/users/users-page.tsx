'use client';

import { Plus } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { debounce, parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { FilterChoice, FilterSearch } from '@/components/filter-choice';
import { PageHeader } from '@/components/page-header';
import { PageTabs } from '@/components/page-tabs';
import { ProblemAlert } from '@/components/problem-alert';
import { SidePanel } from '@/components/side-panel';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { useRoleName } from '@/lib/role-name';
import { usePermission } from '@/lib/session';
import { NewUser } from './new-user';
import { useRoles, useUserPages } from './queries';
import { UserPanel } from './user-panel';
import { SORTS, UserTable } from './user-table';

const STATES = ['active', 'disabled'] as const;

/** Who has an account, what it allows, and how it is kept. */
export function UsersPage() {
  const t = useTranslations('users');
  const roleName = useRoleName();
  const mayManage = usePermission('manage_users');
  const [{ user, ...filters }, setState] = useQueryStates({ q: parseAsString, role: parseAsString, state: parseAsStringLiteral(STATES), sort: parseAsStringLiteral(SORTS).withDefault('-createdAt'), user: parseAsString });
  const { q, role, state, sort } = filters;
  const users = useUserPages(filters), roles = useRoles();
  const items = users.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = Boolean(q ?? role ?? state);
  const chosen = roles.data?.items.find(({ uid }) => uid === role);
  const problem = users.error ?? roles.error;
  const open = (id: string | null) => void setState({ user: id });
  const clear = () => void setState({ q: null, role: null, state: null });

  return (
    <>
      <PageHeader title={t('title')} actions={mayManage && <Button size="sm" variant="primary" onClick={() => open('new')}><Plus aria-hidden />{t('add')}</Button>} />
      <PageTabs place="users" />
      <div role="group" aria-label={t('filters')} className="gutter relative flex min-h-12 items-center gap-1.5 overflow-x-auto border-b py-2 [scrollbar-width:none] md:flex-wrap">
        <FilterSearch label={t('search')} value={q} onChange={(text) => void setState({ q: text }, { limitUrlUpdates: debounce(200) })} className="w-60" />
        <FilterChoice name={t('role')} value={role} shown={chosen ? roleName(chosen.data.name) : '…'} onChange={(id) => void setState({ role: id })} options={(roles.data?.items ?? []).map(({ uid, data }) => ({ value: uid, label: roleName(data.name) }))} />
        <FilterChoice name={t('status')} value={state} shown={state && t(`states.${state}`)} onChange={(value) => void setState({ state: STATES.find((one) => one === value) ?? null })} options={STATES.map((one) => ({ value: one, label: t(`states.${one}`) }))} />
        {filtered && <Button variant="quiet" size="sm" onClick={clear}>{t('clear')}</Button>}
        {users.data && <span role="status" className="tabular ml-auto shrink-0 pl-2 text-xs text-muted-foreground">{t(users.hasNextPage ? 'firstOf' : 'count', { count: items.length })}</span>}
      </div>
      {problem && <div className="gutter max-w-[760px] py-6"><ProblemAlert problem={problem} onRetry={() => { void users.refetch(); void roles.refetch(); }} /></div>}
      {!problem && (users.isPending || roles.isPending) && <div className="gutter grid gap-3 py-4">{[0, 1, 2, 3].map((row) => <Skeleton key={row} className="h-9" />)}</div>}
      {!problem && users.data && items.length === 0 && (
        <div className="gutter max-w-[760px] py-6"><p className="text-base text-muted-foreground">{t('nobody')}</p><Button className="mt-3" onClick={clear}>{t('clear')}</Button></div>
      )}
      {!problem && roles.data && items.length > 0 && (
        <UserTable users={items} roles={roles.data.items} sort={sort} mayManage={mayManage} onSort={(next) => void setState({ sort: next })} onOpen={open} />
      )}
      {users.hasNextPage && <div className="gutter py-3"><Button size="sm" disabled={users.isFetchingNextPage} onClick={() => void users.fetchNextPage()}>{t('more')}</Button></div>}
      <SidePanel open={user !== null} of={user} label={user === 'new' ? t('newTitle') : t('panel')} onClose={() => open(null)}>
        {user === 'new' ? <NewUser roles={roles.data?.items ?? []} onOpen={open} /> : user && <UserPanel key={user} id={user} roles={roles.data?.items ?? []} mayManage={mayManage} onClose={() => open(null)} />}
      </SidePanel>
    </>
  );
}
