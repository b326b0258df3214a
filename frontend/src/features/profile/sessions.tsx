'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { deleteSession } from '@/lib/api/generated';
import { listSessionsOptions, listSessionsQueryKey } from '@/lib/api/generated/@tanstack/react-query.gen';
import { browserName } from '@/lib/browser-name';
import { useFormat } from '@/lib/format';

const SHOWN = 5;
const ALL = { query: { limit: 200 } } as const;

/** Every sign-in that goes on; each but this one can be ended. */
export function Sessions() {
  const t = useTranslations('sessions');
  const format = useFormat();
  const queries = useQueryClient();
  const sessions = useQuery(listSessionsOptions(ALL));
  const [all, setAll] = useState(false);
  const end = useMutation({
    mutationFn: (id: string) => deleteSession({ path: { id }, throwOnError: true }),
    onSettled: () => queries.invalidateQueries({ queryKey: listSessionsQueryKey(ALL) }),
  });
  if (sessions.error) return <ProblemAlert problem={sessions.error} onRetry={() => void sessions.refetch()} />;
  if (!sessions.data) return <Skeleton className="h-11" />;
  return (
    <div className="grid gap-3">
      {end.error && <ProblemAlert problem={end.error} />}
      <ul className="-my-2">
        {sessions.data.items.slice(0, all ? undefined : SHOWN).map(({ uid, data }) => {
          const name = data.user_agent ? browserName(data.user_agent) : t('unknown');
          return (
            <li key={uid} className="flex items-center gap-3 border-b py-2 last:border-b-0">
              <span className="min-w-0 flex-1">
                <span className="block truncate font-medium" title={data.user_agent ?? undefined}>{name}{data.address && <span className="font-normal text-muted-foreground"> {data.address}</span>}</span>
                <span className="tabular block text-xs text-muted-foreground">{t('since', { at: format.dateTime(data.started_at) })}, {t('used', { at: format.dateTime(data.last_used_at) })}</span>
              </span>
              {data.current ? <span className="text-xs text-muted-foreground">{t('current')}</span> : <Button size="sm" disabled={end.isPending} aria-label={t('endOf', { name })} onClick={() => end.mutate(uid)}>{t('end')}</Button>}
            </li>
          );
        })}
      </ul>
      {!all && sessions.data.items.length > SHOWN && <Button size="sm" variant="ghost" className="justify-self-start" onClick={() => setAll(true)}>{t('all', { count: sessions.data.items.length })}</Button>}
    </div>
  );
}
