'use client';

import { Check, Copy } from 'lucide-react';
import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { useState, type ReactNode } from 'react';
import { ProblemAlert } from '@/components/problem-alert';
import { SidePanelHeader } from '@/components/side-panel';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { OutcomeText } from '@/components/outcome';
import type { LogEntry, ResourceLogEntry } from '@/lib/api/generated';
import { useFormat } from '@/lib/format';
import { pathsOf } from '@/lib/paths';
import { OPERATOR, type LogFilters } from './filters';
import { useLogEntry } from './queries';

interface LogPanelProps { id: string; known: ResourceLogEntry | undefined; people: Map<string, string>; onFilter: (filter: Partial<LogFilters>) => void }

/** All of one entry. */
export function LogPanel({ id, known, people, onFilter }: LogPanelProps) {
  const t = useTranslations('logs');
  const asked = useLogEntry(id);
  const entry = (asked.data ?? known)?.data;
  return (
    <>
      <SidePanelHeader title={t('entry')}>{entry && <p className="truncate font-mono text-xs text-muted-foreground">{entry.method} {entry.path}</p>}</SidePanelHeader>
      <div className="relative min-h-0 flex-1 overflow-y-auto px-5 py-4 max-md:px-4">
        {asked.error && !entry && <ProblemAlert problem={asked.error} onRetry={() => void asked.refetch()} />}
        {!entry && asked.isPending && <Skeleton className="h-48" />}
        {entry && <Facts entry={entry} people={people} onFilter={onFilter} />}
      </div>
    </>
  );
}

function Facts({ entry, people, onFilter }: { entry: LogEntry; people: Map<string, string>; onFilter: LogPanelProps['onFilter'] }) {
  const t = useTranslations('logs');
  const format = useFormat();
  const [copied, setCopied] = useState(false);
  const user = entry.requested_by;
  const fact = (name: string, value: ReactNode) => <><dt className="text-muted-foreground">{name}</dt><dd className="min-w-0 break-words">{value}</dd></>;
  return (
    <div className="grid gap-4">
      <dl className="grid grid-cols-[max-content_minmax(0,1fr)] gap-x-6 gap-y-1.5">
        {fact(t('at'), <span className="tabular">{format.date(entry.at)}, {format.clock(entry.at)}</span>)}
        {fact(t('outcome'), <OutcomeText entry={entry} />)}
        {fact(t('method'), <span className="font-mono text-xs">{entry.method}</span>)}
        {fact(t('path'), <span className="font-mono text-xs break-all">{entry.path}</span>)}
        {fact(t('user'), user ? (people.has(user) ? <Link className="link" href={pathsOf('admin').user(user)}>{people.get(user)}</Link> : <span className="font-mono text-xs break-all">{user}</span>) : t(entry.method === OPERATOR ? 'operator' : 'stranger'))}
        {fact(t('address'), entry.ip ?? t('unknown'))}
        {fact(t('duration'), t('ms', { count: entry.duration_ms }))}
        {entry.times > 1 && fact(t('timesTitle'), t('times', { count: entry.times }))}
        {entry.lost > 0 && fact(t('lostTitle'), t('lost', { count: entry.lost }))}
      </dl>
      <div className="rounded-lg border bg-card px-4 py-3">
        <p className="text-xs text-muted-foreground">{t('requestId')}</p>
        <p className="flex items-center gap-2"><code className="min-w-0 flex-1 font-mono text-xs break-all">{entry.request_id}</code><Button size="sm" onClick={() => { void navigator.clipboard.writeText(entry.request_id).then(() => setCopied(true)); }}>{copied ? <Check aria-hidden /> : <Copy aria-hidden />}{copied ? t('copied') : t('copy')}</Button></p>
      </div>
      <div className="flex flex-wrap gap-2">
        {user && <Button size="sm" onClick={() => onFilter({ user })}>{t('allOfUser')}</Button>}
        <Button size="sm" onClick={() => onFilter({ path: entry.path.replace(/…$/, '') })}>{t('allOfPath')}</Button>
      </div>
      <section aria-label={t('chain')} className="grid gap-1 border-t pt-4">
        <h2 className="text-sm">{t('chain')}</h2>
        <p className="text-xs text-muted-foreground">{t.rich('chainText', { c: (text) => <code className="font-mono whitespace-nowrap">{text}</code> })}</p>
        <dl className="grid grid-cols-[max-content_minmax(0,1fr)] gap-x-6 gap-y-1 text-xs">
          {fact(t('number'), format.count(entry.seq))}
          {fact(t('hash'), <span className="font-mono break-all">{entry.hash}</span>)}
          {fact(t('before_hash'), <span className="font-mono break-all">{entry.prev_hash}</span>)}
        </dl>
      </section>
    </div>
  );
}
