'use client';

import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { OutcomeText } from '@/components/outcome';
import { listLogsOptions, listUsersOptions } from '@/lib/api/generated/@tanstack/react-query.gen';
import { useFormat } from '@/lib/format';
import { pathsOf } from '@/lib/paths';
import { useRoleName } from '@/lib/role-name';
import { usePermission } from '@/lib/session';
import { Frame } from './frame';

const SHOWN = 6;
const paths = pathsOf('admin');

/** Whose accounts are new, and what was changed or refused last; each for whoever may see it. */
export function Administration() {
  const seesUsers = usePermission('read_users'), seesLogs = usePermission('manage_app');
  return (
    <>
      {seesUsers && <NewUsers />}
      {seesLogs && <LastEntries />}
    </>
  );
}

function NewUsers() {
  const t = useTranslations('overview');
  const format = useFormat();
  const roleName = useRoleName();
  const users = useQuery(listUsersOptions({ query: { limit: SHOWN, sort: '-createdAt' } })).data?.items ?? [];
  return (
    <Frame title={t('users')} text={<>{t('usersText')} <Link href={paths.users} className="link">{t('allUsers')}</Link></>}>
      <ul>
        {users.map(({ uid, createdAt, data }) => (
          <li key={uid} className="border-b last:border-b-0">
            <Link href={paths.user(uid)} className="block rounded-sm py-2 hover:bg-muted">
              <span className="flex items-center gap-3"><span className="min-w-0 flex-1 truncate font-medium">{data.name ?? data.email}</span><span className="tabular text-xs whitespace-nowrap text-muted-foreground">{format.dayTime(createdAt)}</span></span>
              <span className="block truncate text-muted-foreground">{[roleName(data.role), data.last_sign_in_at && t('signedIn', { at: format.dayTime(data.last_sign_in_at) })].filter(Boolean).join(', ')}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Frame>
  );
}

function LastEntries() {
  const t = useTranslations('overview'), words = useTranslations('logs');
  const format = useFormat();
  const entries = useQuery(listLogsOptions({ query: { limit: SHOWN } })).data?.items ?? [];
  return (
    <Frame title={t('activity')} text={<>{t('activityText')} <Link href={paths.logs} className="link">{t('allLogs')}</Link></>}>
      <ul>
        {entries.map(({ uid, data }) => (
          <li key={uid} className="border-b last:border-b-0">
            <Link href={paths.log(uid)} className="block rounded-sm py-2 hover:bg-muted">
              <span className="flex items-center gap-3"><span className="min-w-0 flex-1 truncate font-mono text-xs leading-5">{data.outcome === 'lost' ? words('lost', { count: data.lost }) : `${data.method} ${data.path}`}</span><span className="tabular text-xs whitespace-nowrap text-muted-foreground">{format.dayTime(data.at)}</span></span>
              <OutcomeText entry={data} />
            </Link>
          </li>
        ))}
      </ul>
    </Frame>
  );
}
