import { useTranslations } from 'next-intl';
import { createContext, useContext } from 'react';
import { PRIORITIES, priorityName } from '@/components/labels';
import { useFormat } from '@/lib/format';
import { periodBefore, useFilters } from './filters';
import type { Analysis } from './types';

/** What every exported figure says of where it comes from: dataset, filters and when it was made. */
export const SheetLines = createContext<(made: Date) => string[]>(() => []);
export const useSheetLines = () => useContext(SheetLines);

/** The period that the page shows, and the one it is compared with, in words. `whole` is the answer without filters. */
export function usePeriodText(whole: Analysis | undefined): { shown: string; compared: string | null } {
  const t = useTranslations('filters');
  const format = useFormat('UTC'), local = useFormat(whole?.filters.tz);
  const [{ from, to }] = useFilters();
  const points = whole?.series.sentiment_over_time.points ?? [];
  const first = points[0]?.from, last = points.at(-1)?.from;
  const before = periodBefore({ from, to });
  const range = (start: Date, end: Date) => `${start.getUTCFullYear() === end.getUTCFullYear() ? format.day(start) : format.date(start)} – ${format.date(end)}`;
  const shown = from && to ? range(from, to) : from ? t('since', { from: format.date(from) }) : to ? t('until', { to: format.date(to) }) : first && last ? `${local.date(first)} – ${local.date(last)}` : t('allTime');
  return { shown, compared: before && range(before.from, before.to) };
}

/** Makes the lines of the sheet from the filters of the page. */
export function useLinesOf(name: string, whole: Analysis | undefined): (made: Date) => string[] {
  const t = useTranslations('sheet'), words = useTranslations('sentiment'), levels = useTranslations('priority');
  const format = useFormat();
  const [filters] = useFilters();
  const { shown } = usePeriodText(whole);
  const priority = PRIORITIES.find((one) => String(one) === filters.priority);
  const set = [
    shown,
    filters.sentiment && words(filters.sentiment),
    priority !== undefined && t('priority', { level: levels(priorityName[priority]) }),
    filters.topic && t('topic', { topic: filters.topic }),
    filters.user && `@${filters.user}`,
    filters.q && t('search', { q: filters.q }),
  ].filter(Boolean).join(', ');
  return (made) => [`${name}, ${set}`, t('made', { at: format.dateTime(made), zone: whole?.filters.tz ?? 'UTC' })];
}
