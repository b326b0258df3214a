'use client';

import { useTranslations } from 'next-intl';
import { OutcomeText } from '@/components/outcome';
import type { LogEntry, ResourceLogEntry } from '@/lib/api/generated';
import { useFormat } from '@/lib/format';
import { OPERATOR } from './filters';

interface LogTableProps { entries: ResourceLogEntry[]; people: Map<string, string>; current: string | null; onOpen: (id: string) => void }

/** Newest first. */
export function LogTable({ entries, people, current, onOpen }: LogTableProps) {
  const t = useTranslations('logs');
  const format = useFormat();
  const who = ({ method, requested_by: user }: LogEntry) => (method === OPERATOR ? t('operator') : user ? people.get(user) ?? <span className="font-mono text-xs">{user.slice(0, 8)}…</span> : <span className="text-muted-foreground">{t('stranger')}</span>);
  return (
    <table className="table full" aria-label={t('title')}>
      <thead>
        <tr>
          <th scope="col">{t('at')}</th>
          <th scope="col" className="max-md:hidden">{t('method')}</th>
          <th scope="col" className="max-md:hidden">{t('path')}</th>
          <th scope="col">{t('outcome')}</th>
          <th scope="col" className="max-md:hidden">{t('user')}</th>
          <th scope="col" className="max-lg:hidden">{t('address')}</th>
          <th scope="col" className="num max-lg:hidden">{t('duration')}</th>
        </tr>
      </thead>
      <tbody>
        {entries.map(({ uid, data }) => (
          <tr key={uid} aria-current={uid === current ? 'true' : undefined} className="aria-[current]:[&_td]:bg-accent">
            <td className="max-md:max-w-0 max-md:w-full max-md:py-1.5!">
              <button type="button" onClick={() => onOpen(uid)} className="tabular rounded-sm whitespace-nowrap hover:underline max-md:block max-md:max-w-full max-md:truncate max-md:text-left">
                <span className="max-md:hidden"><span className="sr-only">{data.method} {data.path}, </span>{format.day(data.at)}, {format.clock(data.at)}</span>
                <span className="md:hidden"><span className="font-mono text-xs">{data.method}</span> {data.path}</span>
              </button>
              <span className="tabular block truncate text-xs leading-4 text-muted-foreground md:hidden">{format.dayTime(data.at)}, {who(data)}</span>
            </td>
            <td className="font-mono text-xs max-md:hidden">{data.method}</td>
            <td className="w-1/2 max-w-0 max-md:hidden"><span className="block truncate font-mono text-xs" title={data.path}>{data.times > 1 && <span className="tabular float-right pl-2 text-muted-foreground">{t('times', { count: data.times })}</span>}{data.outcome === 'lost' ? t('lost', { count: data.lost }) : data.path}</span></td>
            <td><OutcomeText entry={data} /></td>
            <td className="max-w-40 truncate max-md:hidden">{who(data)}</td>
            <td className="tabular text-muted-foreground max-lg:hidden">{data.ip}</td>
            <td className="num whitespace-nowrap text-muted-foreground max-lg:hidden">{t('ms', { count: data.duration_ms })}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
