'use client';

import { Check } from 'lucide-react';
import { useTranslations } from 'next-intl';
import type { Permission, PermissionView } from '@/lib/api/generated';
import { cn } from '@/lib/cn';
import { useRoleName } from '@/lib/role-name';
import { allows, isChanged, type Edits } from './edits';
import type { Role, UserCount } from './queries';
import { RoleHead } from './role-head';

const GROUPS = { platform: ['manage_app', 'view_overview'], people: ['manage_users', 'read_users'], datasets: ['manage_datasets', 'read_datasets'], tasks: ['manage_tasks', 'read_tasks'] } as const satisfies Record<string, Permission[]>;

interface RoleMatrixProps {
  roles: Role[];
  permissions: PermissionView[];
  counts: Record<string, UserCount>;
  edits: Edits;
  own: readonly Permission[];
  mayManage: boolean;
  onToggle: (role: Role, permission: Permission) => void;
}

/** Rows are permissions, columns roles. */
export function RoleMatrix({ roles, permissions, counts, edits, own, mayManage, onToggle }: RoleMatrixProps) {
  const t = useTranslations('roles');
  const roleName = useRoleName();
  /** Why a cell can't be turned. */
  const lockedBy = (role: Role, permission: Permission) => {
    if (role.fixed === 'admin') return t('adminFixed');
    if (!mayManage) return t('readOnly');
    return own.includes(permission) && role.permissions.every((one) => own.includes(one)) ? undefined : t('beyondYou');
  };
  return (
    <div className="overflow-x-auto focus-visible:-outline-offset-2" tabIndex={0} role="region" aria-label={t('title')}>
      <table className="table full w-max min-w-full">
        <thead>
          <tr>
            <th scope="col" className="sticky left-0 z-10 bg-background">{t('permission')}</th>
            {roles.map((role) => <th key={role.uid} scope="col" className="w-32 text-center align-top!"><RoleHead role={role} count={counts[role.uid]} mayManage={mayManage} own={own} /></th>)}
          </tr>
        </thead>
        {Object.entries(GROUPS).map(([group, names]) => (
          <tbody key={group}>
            <tr><th scope="rowgroup" colSpan={roles.length + 1} className="pt-4! text-foreground!">{t(`groups.${group as 'people'}`)}</th></tr>
            {names.map((name) => {
              const permission = permissions.find((one) => one.name === name);
              return permission && (
                <tr key={name}>
                  <th scope="row" className="sticky left-0 z-10 bg-background py-2! text-left whitespace-normal! max-md:max-w-44">
                    <span className="grid gap-x-4 lg:grid-cols-[150px_minmax(0,1fr)]"><span className="font-mono leading-5 text-foreground">{name}</span><span className="text-sm leading-5 text-muted-foreground max-md:text-xs">{t.has(`allows.${name}`) ? t(`allows.${name}`) : permission.description}</span></span>
                  </th>
                  {roles.map((role) => {
                    const on = allows(role, edits, name), changed = isChanged(role, edits, name), locked = lockedBy(role, name);
                    return (
                      <td key={role.uid} className={cn('text-center', changed && 'bg-status-paused-surface!')}>
                        <span className="inline-grid justify-items-center">
                          <Tick on={on} label={t('cell', { permission: name, role: roleName(role.name) })} locked={locked} onToggle={() => onToggle(role, name)} />
                          {changed && <small className="text-2xs text-muted-foreground">{on ? t('wasOff') : t('wasOn')}</small>}
                        </span>
                      </td>
                    );
                  })}
                </tr>
              );
            })}
          </tbody>
        ))}
      </table>
    </div>
  );
}

function Tick({ on, label, locked, onToggle }: { on: boolean; label: string; locked: string | undefined; onToggle: () => void }) {
  return (
    <button
      type="button"
      role="checkbox"
      aria-checked={on}
      aria-label={label}
      aria-disabled={locked ? true : undefined}
      title={locked}
      onClick={locked ? undefined : onToggle}
      className="group grid size-7 place-items-center rounded-sm aria-disabled:cursor-not-allowed max-md:size-10"
    >
      <span className={cn('grid size-4 place-items-center rounded-sm border', on ? 'border-foreground bg-foreground text-background' : 'border-input bg-background', locked && (on ? 'border-border bg-muted text-muted-foreground' : 'border-border bg-muted'))}>{on && <Check aria-hidden className="size-3" strokeWidth={2.5} />}</span>
    </button>
  );
}
