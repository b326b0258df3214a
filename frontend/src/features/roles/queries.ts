import { useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRole, listRoles, type Permission, type ResourceRoleData } from '@/lib/api/generated';
import { listPermissionsOptions, listRolesQueryKey, listUsersOptions } from '@/lib/api/generated/@tanstack/react-query.gen';
import { ApiProblem } from '@/lib/api/problem';

/** A role with the revision that a change is made to. */
export interface Role { uid: string; name: string; permissions: Permission[]; etag: string; fixed: 'admin' | 'analyst' | null }

const asRole = ({ uid, data }: ResourceRoleData, etag: string | null): Role => ({
  uid, name: data.name, permissions: data.permissions, etag: etag ?? '*', fixed: data.name === 'admin' || data.name === 'analyst' ? data.name : null,
});
const ORDER = { admin: 0, analyst: 1 } as const;
const rank = ({ fixed }: Role) => (fixed ? ORDER[fixed] : 2);

/** All roles: those that the product brings first, then the oldest first. */
export const useRevisedRoles = () => useQuery({
  queryKey: [...listRolesQueryKey(), 'revisions'],
  queryFn: async ({ signal }) => {
    const { data: { items } } = await listRoles({ query: { limit: 200, sort: 'createdAt' }, signal, throwOnError: true });
    const roles = await Promise.all(items.map(async ({ uid }) => {
      const { data, response } = await getRole({ path: { id: uid }, signal, throwOnError: true });
      return asRole(data, response.headers.get('etag'));
    }));
    return roles.sort((one, other) => rank(one) - rank(other));
  },
});

export const usePermissions = () => useQuery({ ...listPermissionsOptions(), staleTime: Infinity });

/** Whether a role was refused because another one has its name. */
export const isNameTaken = (problem: unknown) => problem instanceof ApiProblem && problem.code === 'conflict';

const MOST = 200;
export interface UserCount { users: number; more: boolean }

/** How many users have a role; a list has no total, so that beyond a page it is told as “200+”. */
export function useUserCounts(roles: readonly Role[]): Record<string, UserCount> {
  const lists = useQueries({ queries: roles.map(({ uid }) => listUsersOptions({ query: { role_id: uid, limit: MOST } })) });
  return Object.fromEntries(roles.flatMap(({ uid }, index) => {
    const list = lists[index]?.data;
    return list ? [[uid, { users: list.items.length, more: Boolean(list.next_cursor) }]] : [];
  }));
}

export function useForgetRoles() {
  const queries = useQueryClient();
  return async () => { await Promise.all(['listRoles', 'listUsers', 'getUser', 'getMe'].map((_id) => queries.invalidateQueries({ queryKey: [{ _id }] }))); };
}
