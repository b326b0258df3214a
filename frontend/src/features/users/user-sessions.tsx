'use client';

import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { deleteUserSessions, type ResourceAccountData } from '@/lib/api/generated';
import { browserName } from '@/lib/browser-name';
import { useFormat } from '@/lib/format';
import { nameOf, useForgetUsers, useUserSessions } from './queries';

/** Where an account is signed in. */
export function UserSessions({ user, mayEnd }: { user: ResourceAccountData; mayEnd: boolean }) {
  const t = useTranslations('users');
  const format = useFormat();
  const sessions = useUserSessions(user.uid);
  const forget = useForgetUsers();
  const [asked, ask] = useState(false);
  const items = sessions.data?.items ?? [];
  return (
    <>
      {sessions.error && <ProblemAlert problem={sessions.error} onRetry={() => void sessions.refetch()} />}
      {sessions.isPending && <Skeleton className="h-11" />}
      {sessions.data && items.length === 0 && <p className="text-muted-foreground">{t('noSessions')}</p>}
      {items.length > 0 && (
        <ul className="-my-2">
          {items.map(({ uid, data }) => (
            <li key={uid} className="border-b py-2 last:border-b-0">
              <span className="block truncate" title={data.user_agent ?? undefined}>{data.user_agent ? browserName(data.user_agent) : t('unknownClient')}{data.current && <span className="text-muted-foreground"> {t('thisOne')}</span>}</span>
              <span className="tabular block text-xs text-muted-foreground">{[data.address, t('since', { at: format.dateTime(data.started_at) }), t('used', { at: format.dateTime(data.last_used_at) })].filter(Boolean).join(', ')}</span>
            </li>
          ))}
        </ul>
      )}
      {mayEnd && items.length > 0 && <div><Button onClick={() => ask(true)}>{t('endAll')}</Button></div>}
      <ConfirmDialog
        open={asked}
        onOpenChange={ask}
        title={t('endAsk', { name: nameOf(user) })}
        description={t('endText', { count: items.length })}
        keep={t('keepSessions')}
        action={t('endAll')}
        onConfirm={async () => { await deleteUserSessions({ path: { id: user.uid }, throwOnError: true }); await forget(); }}
      />
    </>
  );
}
