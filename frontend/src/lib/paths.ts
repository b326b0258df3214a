import { usePathname } from 'next/navigation';

export type Area = 'home' | 'admin';

/** Addresses of an area. Ids travel in the query, as an export has no dynamic segments. */
export function pathsOf(area: Area) {
  const root = `/${area}`;
  return {
    root,
    overview: `${root}/overview`,
    datasets: `${root}/datasets`,
    dataset: (id: string) => `${root}/datasets?id=${id}`,
    newDataset: `${root}/datasets?new=1`,
    tasks: `${root}/tasks`,
    task: (id: string) => `${root}/tasks?id=${id}`,
    analysis: `${root}/analysis`,
    analysisOf: (file: string) => `${root}/analysis?file=${file}`,
    users: `${root}/users`,
    usersWith: (role: string) => `${root}/users?role=${role}`,
    user: (id: string) => `${root}/users?user=${id}`,
    roles: `${root}/users?tab=roles`,
    logs: `${root}/logs`,
    log: (id: string) => `${root}/logs?entry=${id}`,
    settings: `${root}/settings`,
    models: `${root}/settings?tab=ai`,
  };
}

export function useArea(): Area {
  return usePathname().startsWith('/admin') ? 'admin' : 'home';
}

export function usePaths() {
  return pathsOf(useArea());
}

/** A `next` that leads nowhere else than into this product. */
export function safeNext(next: string | null): string | null {
  return next && /^\/(home|admin|profile)([/?]|$)/.test(next) ? next : null;
}
