'use client';

import { Info } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { toast } from 'sonner';
import { PageHeader } from '@/components/page-header';
import { PageTabs } from '@/components/page-tabs';
import { ProblemAlert } from '@/components/problem-alert';
import { SaveBar } from '@/components/save-bar';
import { Skeleton } from '@/components/ui/skeleton';
import { updateRole } from '@/lib/api/generated';
import { isStale } from '@/lib/api/problem';
import { useKept } from '@/lib/kept';
import { pathsOf } from '@/lib/paths';
import { useRoleName } from '@/lib/role-name';
import { useMe, usePermission } from '@/lib/session';
import { changesOf, permissionsOf, toggle, without, type Edits } from './edits';
import { NewRole } from './new-role';
import { useForgetRoles, usePermissions, useRevisedRoles, useUserCounts } from './queries';
import { RoleMatrix } from './role-matrix';

/** What each role allows. Changes are gathered, told, and saved together. */
export function RolesPage() {
  const t = useTranslations('roles'), users = useTranslations('users');
  const roleName = useRoleName();
  const own = useMe().data?.permissions ?? [];
  const mayManage = usePermission('manage_users');
  const roles = useRevisedRoles(), permissions = usePermissions();
  const forget = useForgetRoles();
  const [edits, setEdits] = useKept<Edits>('roles', {});
  const [problem, setProblem] = useState<{ refusal: unknown; role: string } | null>(null);
  const [saving, setSaving] = useState(false);
  const list = roles.data ?? [], all = permissions.data?.items.map(({ name }) => name) ?? [];
  const counts = useUserCounts(list);
  const changed = list.filter((role) => { const { gained, lost } = changesOf(role, edits); return gained.length + lost.length > 0; });
  const failure = roles.error ?? permissions.error;

  const save = async () => {
    setSaving(true);
    setProblem(null);
    const saved: string[] = [];
    let refused: typeof problem = null;
    for (const role of changed) {
      try {
        await updateRole({ path: { id: role.uid }, headers: { 'If-Match': role.etag }, body: { permissions: permissionsOf(role, edits, all) }, throwOnError: true });
        saved.push(role.uid);
        toast(t('saved', { name: roleName(role.name) }));
      } catch (refusal) {
        refused = { refusal, role: roleName(role.name) };
        break;
      }
    }
    // First what is stored now, then what is still to be saved on top of it.
    await forget();
    setEdits((before) => saved.reduce(without, before));
    setProblem(refused);
    setSaving(false);
  };
  const stale = isStale(problem?.refusal);

  return (
    <>
      <PageHeader title={t('title')} parent={{ label: users('title'), href: pathsOf('admin').users }} actions={mayManage && roles.data && <NewRole roles={list} own={own} />} />
      <PageTabs place="users" />
      {failure && <div className="gutter max-w-[760px] py-6"><ProblemAlert problem={failure} onRetry={() => { void roles.refetch(); void permissions.refetch(); }} /></div>}
      {problem && <div className="gutter max-w-[760px] py-4"><ProblemAlert problem={problem.refusal} title={stale ? t('stale', { name: problem.role }) : t('notSaved', { name: problem.role })} detail={stale ? t('staleText') : undefined} /></div>}
      {!failure && (roles.isPending || permissions.isPending) && <div className="gutter grid gap-3 py-4">{[0, 1, 2, 3, 4, 5].map((row) => <Skeleton key={row} className="h-8" />)}</div>}
      {!failure && roles.data && permissions.data && (
        <div className="flex-1"><RoleMatrix roles={list} permissions={permissions.data.items} counts={counts} edits={edits} own={own} mayManage={mayManage} onToggle={(role, permission) => setEdits((before) => toggle(before, role, permission))} /></div>
      )}
      {!mayManage && roles.data && <p className="gutter flex items-center gap-2 border-t py-3 text-muted-foreground"><Info aria-hidden className="size-3.5 shrink-0" />{t('readOnly')}</p>}
      <SaveBar dirty={changed.length > 0} busy={saving} save={t('save', { count: changed.length })} onSave={() => void save()} onDiscard={() => { setEdits({}); setProblem(null); }}>
        {changed.map((role) => {
          const { gained, lost } = changesOf(role, edits), count = counts[role.uid];
          return (
            <p key={role.uid}>
              <b className="font-medium">{t('changes', { count: gained.length + lost.length, name: roleName(role.name) })}</b>{' '}
              <span className="text-muted-foreground">
                {count && t('hit', { count: count.users })}{' '}
                {gained.length > 0 && t('gain', { permissions: gained.join(', ') })} {lost.length > 0 && t('lose', { permissions: lost.join(', ') })}
              </span>
            </p>
          );
        })}
      </SaveBar>
    </>
  );
}
