'use client';

import { Calendar, ChevronDown } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { debounce } from 'nuqs';
import { chip, FilterChip, FilterChoice, FilterSearch } from '@/components/filter-choice';
import { PRIORITIES, PriorityLabel, SentimentLabel, SENTIMENTS } from '@/components/labels';
import { Button } from '@/components/ui/button';
import { Field, Input } from '@/components/ui/field';
import { Popover, PopoverClose, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { addDays, isoDay, useFilters } from './filters';
import { usePeriodText } from './sheet-lines';
import type { Analysis } from './types';

const PRESETS = [7, 28, 90] as const;

interface FilterBarProps {
  /** The answer of the whole dataset: its topics, and its first and last day. */
  whole: Analysis | undefined;
  timeZone: string | undefined;
}

export function FilterBar({ whole, timeZone }: FilterBarProps) {
  const t = useTranslations('filters');
  const [filters, setFilters] = useFilters();
  const topics = whole?.series.topics ?? [];
  const priority = PRIORITIES.find((one) => String(one) === filters.priority);
  const any = Object.values(filters).some((value) => value !== null);
  return (
    <div role="group" aria-label={t('title')} className="gutter relative flex min-h-12 items-center gap-1.5 overflow-x-auto border-b py-2 [scrollbar-width:none] md:flex-wrap">
      <Period whole={whole} />
      <FilterChoice name={t('sentiment')} value={filters.sentiment} shown={filters.sentiment && <SentimentLabel sentiment={filters.sentiment} />} onChange={(value) => void setFilters({ sentiment: SENTIMENTS.find((one) => one === value) ?? null })} options={SENTIMENTS.map((one) => ({ value: one, label: <SentimentLabel sentiment={one} /> }))} />
      <FilterChoice name={t('priority')} value={filters.priority} shown={priority !== undefined && <PriorityLabel priority={priority} className="text-foreground" />} onChange={(value) => void setFilters({ priority: (['0', '1', '2'] as const).find((one) => one === value) ?? null })} options={PRIORITIES.map((one) => ({ value: String(one), label: <PriorityLabel priority={one} /> }))} />
      <FilterChoice name={t('topic')} value={filters.topic} shown={filters.topic} onChange={(topic) => void setFilters({ topic })} options={topics.map(({ topic }) => ({ value: topic, label: topic }))} />
      {filters.user && <FilterChip name={t('author')} onClear={() => void setFilters({ user: null })}>@{filters.user}</FilterChip>}
      <FilterSearch label={t('search')} value={filters.q} onChange={(q) => void setFilters({ q }, { limitUrlUpdates: debounce(300) })} className="w-52" />
      {any && <Button variant="quiet" size="sm" className="no-print" onClick={() => void setFilters(null)}>{t('clear')}</Button>}
      {timeZone && <span className="ml-auto shrink-0 pl-2 text-xs text-muted-foreground max-lg:hidden">{t('zone', { zone: timeZone })}</span>}
    </div>
  );
}

function Period({ whole }: { whole: Analysis | undefined }) {
  const t = useTranslations('filters');
  const { shown, compared } = usePeriodText(whole);
  const [{ from, to }, setFilters] = useFilters();
  const points = whole?.series.sentiment_over_time.points ?? [];
  const lastPoint = points.at(-1)?.from;
  const last = lastPoint ? dayIn(lastPoint, whole?.filters.tz) : null;
  const day = (text: string) => (/^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00:00Z`) : null);
  return (
    <>
      <Popover>
        <PopoverTrigger className={chip} disabled={points.length === 0}><Calendar aria-hidden /><b className="font-medium text-foreground">{shown}</b><ChevronDown aria-hidden /></PopoverTrigger>
        <PopoverContent className="grid w-72 gap-3" aria-label={t('period')}>
          <div className="grid grid-cols-2 gap-1">
            <PopoverClose asChild><Button size="sm" variant="ghost" className="justify-start" onClick={() => void setFilters({ from: null, to: null })}>{t('allTime')}</Button></PopoverClose>
            {last && PRESETS.map((days) => <PopoverClose key={days} asChild><Button size="sm" variant="ghost" className="justify-start" onClick={() => void setFilters({ from: addDays(last, 1 - days), to: last })}>{t('lastDays', { days })}</Button></PopoverClose>)}
          </div>
          <div className="grid grid-cols-2 gap-3 border-t pt-3">
            <Field label={t('from')}>{(field) => <Input {...field} type="date" value={from ? isoDay(from) : ''} max={to ? isoDay(to) : undefined} onChange={(event) => void setFilters({ from: day(event.target.value) })} />}</Field>
            <Field label={t('to')}>{(field) => <Input {...field} type="date" value={to ? isoDay(to) : ''} min={from ? isoDay(from) : undefined} onChange={(event) => void setFilters({ to: day(event.target.value) })} />}</Field>
          </div>
          <p className="text-xs text-muted-foreground">{t('periodHint')}</p>
        </PopoverContent>
      </Popover>
      {compared && <span className="shrink-0 px-1 text-xs whitespace-nowrap text-muted-foreground">{t('compared', { period: compared })}</span>}
    </>
  );
}

/** The day, in a zone, that a moment lies in; as midnight UTC. */
function dayIn(moment: string, timeZone = 'UTC'): Date {
  return new Date(`${new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(new Date(moment))}T00:00:00Z`);
}
