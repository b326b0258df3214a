'use client';

import { Calendar, ChevronDown, Download, RefreshCw } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { debounce, parseAsString, useQueryState } from 'nuqs';
import { EmptyState } from '@/components/empty-state';
import { chip, FilterChoice, FilterSearch } from '@/components/filter-choice';
import { PageHeader } from '@/components/page-header';
import { ProblemAlert } from '@/components/problem-alert';
import { SidePanel } from '@/components/side-panel';
import { Button } from '@/components/ui/button';
import { Field, Input } from '@/components/ui/field';
import { Menu, MenuContent, MenuItem, MenuTrigger } from '@/components/ui/menu';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { Skeleton } from '@/components/ui/skeleton';
import { useFormat } from '@/lib/format';
import { exportOf, localOf, METHODS, STATUSES, useLogFilters, type LogFilters } from './filters';
import { LogPanel } from './log-panel';
import { LogTable } from './log-table';
import { useLogPages, usePeople } from './queries';

const FORMATS = ['csv', 'jsonl'] as const;

/** Who changed what, and who was refused what. */
export function LogsPage() {
  const t = useTranslations('logs');
  const [filters, setFilters] = useLogFilters();
  const [entry, open] = useQueryState('entry', parseAsString);
  const logs = useLogPages(filters);
  const people = usePeople();
  const items = logs.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = Object.values(filters).some((value) => value !== null);
  const clear = () => void setFilters(null);

  return (
    <>
      <PageHeader
        title={t('title')}
        actions={(
          <>
            <Button size="sm" variant="ghost" disabled={logs.isFetching} onClick={() => void logs.refetch()}><RefreshCw aria-hidden />{t('refresh')}</Button>
            <Menu>
              <MenuTrigger asChild><Button size="sm"><Download aria-hidden />{t('export')}<ChevronDown aria-hidden /></Button></MenuTrigger>
              <MenuContent align="end">{FORMATS.map((format) => <MenuItem key={format} asChild><a href={exportOf(filters, format)} download>{t(`formats.${format}`)}</a></MenuItem>)}</MenuContent>
            </Menu>
          </>
        )}
      />
      <div role="group" aria-label={t('filters')} className="gutter relative flex min-h-12 items-center gap-1.5 overflow-x-auto border-b py-2 [scrollbar-width:none] md:flex-wrap">
        <Period filters={filters} onChange={(period) => void setFilters(period)} />
        <FilterChoice name={t('method')} value={filters.method} shown={filters.method} onChange={(value) => void setFilters({ method: METHODS.find((one) => one === value) ?? null })} options={METHODS.map((one) => ({ value: one, label: <span className="font-mono text-xs">{one}</span> }))} />
        <FilterChoice name={t('status')} value={filters.status} shown={filters.status} onChange={(status) => void setFilters({ status })} options={STATUSES.map((one) => ({ value: one, label: <><span className="font-mono text-xs">{one}</span> {t(`statuses.${one}`)}</> }))} />
        <FilterChoice name={t('user')} value={filters.user} shown={filters.user && (people.get(filters.user) ?? filters.user)} onChange={(user) => void setFilters({ user })} options={[...people].map(([value, label]) => ({ value, label }))} />
        <FilterSearch label={t('pathBegins')} value={filters.path} onChange={(path) => void setFilters({ path: path && (path.startsWith('/') ? path : `/${path}`) }, { limitUrlUpdates: debounce(300) })} className="w-44" />
        <FilterSearch label={t('search')} value={filters.q} onChange={(q) => void setFilters({ q }, { limitUrlUpdates: debounce(300) })} className="w-60" />
        {filtered && <Button variant="quiet" size="sm" onClick={clear}>{t('clear')}</Button>}
      </div>
      {logs.error && <div className="gutter max-w-[760px] py-6"><ProblemAlert problem={logs.error} onRetry={() => void logs.refetch()} actions={filtered && <Button size="sm" onClick={clear}>{t('clear')}</Button>} /></div>}
      {logs.isPending && <div className="gutter grid gap-3 py-4">{[0, 1, 2, 3, 4, 5].map((row) => <Skeleton key={row} className="h-7" />)}</div>}
      {!logs.error && logs.data && items.length === 0 && (filtered
        ? <div className="gutter max-w-[760px] py-6"><p className="text-base text-muted-foreground">{t('nothing')}</p><Button className="mt-3" onClick={clear}>{t('clear')}</Button></div>
        : <EmptyState title={t('emptyTitle')} text={t('emptyText')} actions={<Button onClick={() => void logs.refetch()}><RefreshCw aria-hidden />{t('refresh')}</Button>} />)}
      {!logs.error && items.length > 0 && <LogTable entries={items} people={people} current={entry} onOpen={(id) => void open(id)} />}
      {!logs.error && logs.hasNextPage && <div className="gutter py-3"><Button size="sm" disabled={logs.isFetchingNextPage} onClick={() => void logs.fetchNextPage()}>{t('more')}</Button></div>}
      <SidePanel open={entry !== null} of={entry} label={t('entry')} onClose={() => void open(null)}>
        {entry && <LogPanel key={entry} id={entry} known={items.find(({ uid }) => uid === entry)} people={people} onFilter={(filter) => { void open(null); void setFilters(filter); }} />}
      </SidePanel>
    </>
  );
}

function Period({ filters: { from, to }, onChange }: { filters: LogFilters; onChange: (period: Pick<LogFilters, 'from' | 'to'>) => void }) {
  const t = useTranslations('logs');
  const format = useFormat();
  const read = (text: string) => { const time = new Date(text); return text && !Number.isNaN(time.getTime()) ? time : null; };
  const shown = from && to ? t('between', { from: format.dayTime(from), to: format.dayTime(to) }) : from ? t('since', { at: format.dayTime(from) }) : to ? t('before', { at: format.dayTime(to) }) : t('always');
  return (
    <Popover>
      <PopoverTrigger className={chip}><Calendar aria-hidden /><b className="font-medium text-foreground">{shown}</b><ChevronDown aria-hidden /></PopoverTrigger>
      <PopoverContent className="grid w-72 gap-3" aria-label={t('period')}>
        <Field label={t('from')}>{(field) => <Input {...field} type="datetime-local" value={localOf(from)} max={localOf(to) || undefined} onChange={(event) => onChange({ from: read(event.target.value), to })} />}</Field>
        <Field label={t('to')} hint={t('zone')}>{(field) => <Input {...field} type="datetime-local" value={localOf(to)} min={localOf(from) || undefined} onChange={(event) => onChange({ from, to: read(event.target.value) })} />}</Field>
        {(from ?? to) && <div><Button size="sm" variant="ghost" onClick={() => onChange({ from: null, to: null })}>{t('always')}</Button></div>}
      </PopoverContent>
    </Popover>
  );
}
