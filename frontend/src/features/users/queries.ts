import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { toast } from 'sonner';
import { deleteUser, getUser, updateUser, type Permission, type ResourceAccountData, type ResourceRoleData, type UpdateUserRequest } from '@/lib/api/generated';
import { getUserQueryKey, listRolesOptions, listUserSessionsOptions, listUsersInfiniteOptions } from '@/lib/api/generated/@tanstack/react-query.gen';
import { isStale } from '@/lib/api/problem';
import { useProblemText } from '@/lib/problem-text';

export interface UserFilters { q: string | null; role: string | null; state: 'active' | 'disabled' | null; sort: string }

export const useUserPages = ({ q, role, state, sort }: UserFilters) => useInfiniteQuery({
  ...listUsersInfiniteOptions({ query: { limit: 50, sort, ...(q ? { q } : {}), ...(role ? { role_id: role } : {}), ...(state ? { disabled: state === 'disabled' } : {}) } }),
  initialPageParam: {},
  getNextPageParam: (page) => page.next_cursor,
  placeholderData: keepPreviousData,
});

export const useRoles = () => useQuery(listRolesOptions({ query: { limit: 200, sort: 'createdAt' } }));

/** An account with the revision that a change is made to. */
export const useUser = (id: string) => useQuery({
  queryKey: [...getUserQueryKey({ path: { id } }), 'revision'],
  queryFn: async ({ signal }) => {
    const { data, response } = await getUser({ path: { id }, signal, throwOnError: true });
    return { user: data, etag: response.headers.get('etag') ?? '*' };
  },
  staleTime: 0,
});

export const useUserSessions = (id: string) => useQuery(listUserSessionsOptions({ path: { id }, query: { limit: 200 } }));

export function useForgetUsers() {
  const queries = useQueryClient();
  return async () => { await Promise.all(['listUsers', 'getUser', 'listUserSessions'].map((_id) => queries.invalidateQueries({ queryKey: [{ _id }] }))); };
}

/** Gives the account after the change, with its revision. */
export function useChangeUser() {
  const forget = useForgetUsers();
  return useMutation({
    mutationFn: async ({ id, etag, body }: { id: string; etag?: string; body: UpdateUserRequest }) => {
      const { data, response } = await updateUser({ path: { id }, body, headers: etag ? { 'If-Match': etag } : {}, throwOnError: true });
      return { user: data, etag: response.headers.get('etag') ?? '*' };
    },
    onSuccess: forget,
  });
}

/** Takes a change back, unless somebody changed the account since; what is refused is said in passing. */
export function useUndoChange() {
  const t = useTranslations('users');
  const change = useChangeUser();
  const forget = useForgetUsers();
  const problemText = useProblemText();
  return async ({ user, etag }: { user: ResourceAccountData; etag: string }, body: UpdateUserRequest) => {
    try {
      return (await change.mutateAsync({ id: user.uid, etag, body })).user;
    } catch (refusal) {
      const stale = isStale(refusal);
      const { title, detail } = stale ? { title: t('notUndone', { name: nameOf(user) }), detail: t('notUndoneText') } : problemText(refusal);
      toast.error(title, { description: detail });
      if (stale) void forget();
      return null;
    }
  };
}

export function useDeleteUser() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, etag }: { id: string; etag: string }) => deleteUser({ path: { id }, headers: { 'If-Match': etag }, throwOnError: true }),
    // Only the list: who asks for the account once more is told that it does not exist.
    onSuccess: () => { void queries.invalidateQueries({ queryKey: [{ _id: 'listUsers' }] }); },
  });
}

/** Nobody gives, or changes an account that has, more than they may themselves. */
export const within = (role: ResourceRoleData | undefined, own: readonly Permission[]) => role?.data.permissions.every((permission) => own.includes(permission)) ?? false;

export const nameOf = ({ data }: ResourceAccountData) => data.name ?? data.email;
