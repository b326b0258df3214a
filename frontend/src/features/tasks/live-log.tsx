'use client';

import { CircleAlert, Download, RefreshCw, TriangleAlert, Zap } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useMemo, useState } from 'react';
import { Button } from '@/components/ui/button';
import { Segmented } from '@/components/ui/segmented';
import type { TaskEvent } from '@/lib/api/generated';
import { cn } from '@/lib/cn';
import { saveFile } from '@/lib/save-file';
import { useFormat } from '@/lib/format';
import { logLines, thinned, type LogLine } from './task-log';
import type { LogState } from './use-task-events';

const SHOWN = ['all', 'problems'] as const;

export function LiveLog({ events, state, name }: { events: TaskEvent[]; state: LogState; name: string }) {
  const t = useTranslations('log');
  const [show, setShow] = useState<(typeof SHOWN)[number]>('all');
  const lines = useMemo(() => thinned(logLines(events)).reverse(), [events]);
  const shown = lines.filter(({ level }) => show === 'all' || level !== 'info');
  return (
    <section aria-labelledby="log-title" className="border-t">
      <header className="gutter flex min-h-12 flex-wrap items-center gap-2 border-b py-2">
        <h3 id="log-title" className="text-sm">{t('title')}</h3>
        <span role="status" className={cn('inline-flex h-5 items-center gap-1 rounded-sm px-1.5 text-xs font-medium', state === 'live' ? 'bg-status-done-surface text-status-done' : state === 'reconnecting' ? 'bg-status-paused-surface text-status-paused' : 'bg-secondary text-muted-foreground')}>
          {state === 'live' && <Zap aria-hidden className="size-3" />}{state === 'reconnecting' && <RefreshCw aria-hidden className="size-3" />}{t(`states.${state}`)}
        </span>
        <div className="ml-auto flex items-center gap-2">
          <Segmented label={t('show')} value={show} onChange={setShow} options={SHOWN.map((one) => ({ value: one, label: t(`shows.${one}`) }))} />
          <Button size="sm" variant="ghost" disabled={!events.length} onClick={() => saveFile(`${name}.events.jsonl`, 'application/jsonl', events.map((event) => JSON.stringify(event)).join('\n'))}><Download aria-hidden />{t('download')}</Button>
        </div>
      </header>
      <div className="relative max-h-72 overflow-y-auto py-2 focus-visible:-outline-offset-2" tabIndex={0} role="log" aria-label={t('title')}>
        {shown.length === 0 && <p className="gutter py-1 text-muted-foreground">{show === 'all' ? t('nothing') : t('noProblems')}</p>}
        <ul>{shown.map((line, index) => <Line key={`${line.seq}-${line.kind}-${index}`} line={line} />)}</ul>
      </div>
    </section>
  );
}

function Line({ line }: { line: LogLine }) {
  const t = useTranslations('log');
  const names = useTranslations('status');
  const format = useFormat();
  const [what, detail] = words();
  return (
    <li className="gutter grid grid-cols-[64px_minmax(0,1fr)] gap-x-3 py-px font-mono text-xs leading-5 md:grid-cols-[64px_74px_200px_minmax(0,1fr)]">
      <time dateTime={line.at} className="text-muted-foreground">{format.clock(line.at)}</time>
      <span className={cn('flex items-center gap-1 max-md:hidden', line.level === 'error' ? 'text-status-failed' : 'text-status-paused')}>
        {line.level === 'error' && <><CircleAlert aria-hidden className="size-3" />{t('levels.error')}</>}
        {line.level === 'warning' && <><TriangleAlert aria-hidden className="size-3" />{t('levels.warning')}</>}
      </span>
      <span>{what}</span>
      <span className="break-words text-muted-foreground max-md:col-start-2">{detail}</span>
    </li>
  );

  function words(): [string, string] {
    switch (line.kind) {
      case 'status': return [names(line.status), line.detail ? (t.has(`reasons.${line.detail as 'user'}`) ? t(`reasons.${line.detail as 'user'}`) : line.detail) : ''];
      case 'pages': return [t('pages', { done: line.done, total: line.total }), [t('rows', { count: line.rows }), line.speed ? t('speed', { speed: format.decimal(line.speed) }) : ''].filter(Boolean).join(', ')];
      case 'failed': return [t('failedRows', { count: line.rows }), t('failedHint')];
      case 'waiting': return [t('waiting'), line.reason];
      case 'answering': return [t('answering'), ''];
      case 'model': return [line.model, t(line.standsIn ? 'standsIn' : 'answers')];
      case 'warning': return [t('warning'), line.text];
      case 'counts': return [t('counted'), [t('read', { count: line.counts.rows_read ?? 0 }), line.counts.unique_texts ? t('unique', { count: line.counts.unique_texts }) : ''].filter(Boolean).join(', ')];
    }
  }
}
