'use client';

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { usePathname, useRouter } from 'next/navigation';
import { useCallback, useEffect } from 'react';
import { logoutUser, type MeView, type Permission } from './api/generated';
import { getMeOptions } from './api/generated/@tanstack/react-query.gen';
import { SIGNED_IN } from './api/early';
import { ApiProblem } from './api/problem';
import { pathsOf } from './paths';

/** The caller; asked again on every visit of the app, and rarely else. */
export function useMe() {
  return useQuery({ ...getMeOptions(), staleTime: 5 * 60_000, retry: (count, error) => count < 2 && !(error instanceof ApiProblem && error.status > 0 && (error.status < 500 || error.code === 'maintenance')) });
}

export const may = (me: MeView | undefined, permission: Permission) => me?.permissions.includes(permission) ?? false;

export function usePermission(permission: Permission) {
  return may(useMe().data, permission);
}

/** Whether this browser had a session when it was last here: no script can read the cookies themselves. */
export const hadSession = () => localStorage.getItem(SIGNED_IN) !== null;
const rememberSession = () => localStorage.setItem(SIGNED_IN, '');
export const forgetSession = () => localStorage.removeItem(SIGNED_IN);

/** Where somebody arrives: who runs the platform in `/admin`, everybody else in `/home`. */
export const homeOf = (me: MeView) => pathsOf(may(me, 'manage_app') ? 'admin' : 'home').root;

/** Sends whoever is not signed in to the door, and back here afterwards. */
export function useGuard(): MeView | undefined {
  const me = useMe();
  const router = useRouter();
  const path = usePathname();
  const refused = me.error instanceof ApiProblem && me.error.status === 401;
  const misplaced = me.data !== undefined && path.startsWith('/admin') && !may(me.data, 'manage_app');
  const known = me.data !== undefined;
  useEffect(() => { if (refused) forgetSession(); else if (known) rememberSession(); }, [known, refused]);
  useEffect(() => {
    if (refused) router.replace(`/auth?next=${encodeURIComponent(location.pathname + location.search)}`);
    else if (misplaced) router.replace(path.replace('/admin', '/home') + location.search);
  }, [refused, misplaced, path, router]);
  return refused || misplaced ? undefined : me.data;
}

export function useSignOut() {
  const queries = useQueryClient();
  const router = useRouter();
  return useCallback(async () => {
    await logoutUser().catch(() => {});
    forgetSession();
    router.push('/auth');
    queries.clear();
  }, [queries, router]);
}
