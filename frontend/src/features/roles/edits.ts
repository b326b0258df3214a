import type { Permission } from '@/lib/api/generated';

/** What is to be different, by role: a permission, and whether the role is to have it. */
export type Edits = Readonly<Record<string, Readonly<Partial<Record<Permission, boolean>>>>>;

export interface KnownRole { uid: string; permissions: readonly Permission[] }

export const allows = (role: KnownRole, edits: Edits, permission: Permission) => edits[role.uid]?.[permission] ?? role.permissions.includes(permission);

export const isChanged = (role: KnownRole, edits: Edits, permission: Permission) => allows(role, edits, permission) !== role.permissions.includes(permission);

/** Turns one of them around; what is as it was again is no edit any more. */
export function toggle(edits: Edits, role: KnownRole, permission: Permission): Edits {
  const { [permission]: before, ...others } = edits[role.uid] ?? {};
  const wanted = !(before ?? role.permissions.includes(permission));
  const edit = wanted === role.permissions.includes(permission) ? others : { ...others, [permission]: wanted };
  return Object.keys(edit).length > 0 ? { ...edits, [role.uid]: edit } : without(edits, role.uid);
}

/** The edits of all roles but one. */
export const without = (edits: Edits, uid: string): Edits => Object.fromEntries(Object.entries(edits).filter(([role]) => role !== uid));

/** What of a role changes: the permissions it gains and those it loses. */
export function changesOf(role: KnownRole, edits: Edits) {
  const wanted = Object.entries(edits[role.uid] ?? {}) as [Permission, boolean][];
  const changed = wanted.filter(([permission]) => isChanged(role, edits, permission));
  return { gained: changed.filter(([, on]) => on).map(([permission]) => permission), lost: changed.filter(([, on]) => !on).map(([permission]) => permission) };
}

/** The permissions that a role is to have. */
export const permissionsOf = (role: KnownRole, edits: Edits, all: readonly Permission[]) => all.filter((permission) => allows(role, edits, permission));
