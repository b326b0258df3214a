import { Activity, ChartColumn, Database, ListChecks, ScrollText, SlidersHorizontal, Users, type LucideIcon } from 'lucide-react';
import type { MeView, Permission } from '@/lib/api/generated';
import { pathsOf, type Area } from '@/lib/paths';
import { may } from '@/lib/session';

export interface Place {
  key: 'overview' | 'datasets' | 'tasks' | 'analysis' | 'users' | 'logs' | 'settings';
  href: string;
  icon: LucideIcon;
  /** What follows `G` on the keyboard. */
  letter: string;
}

const needs: Partial<Record<Place['key'], Permission>> = { overview: 'view_overview', datasets: 'read_datasets', tasks: 'read_tasks', analysis: 'read_datasets', users: 'read_users', logs: 'manage_app', settings: 'manage_app' };

/** The places of an area that the caller may go to. */
export function placesOf(area: Area, me: MeView | undefined): { work: Place[]; administration: Place[] } {
  const paths = pathsOf(area);
  const allowed = (place: Place) => { const need = needs[place.key]; return !need || may(me, need); };
  const work: Place[] = [
    { key: 'overview', href: paths.overview, icon: Activity, letter: 'o' },
    { key: 'datasets', href: paths.datasets, icon: Database, letter: 'd' },
    { key: 'tasks', href: paths.tasks, icon: ListChecks, letter: 't' },
    { key: 'analysis', href: paths.analysis, icon: ChartColumn, letter: 'a' },
  ];
  const administration: Place[] = area === 'admin' ? [
    { key: 'users', href: paths.users, icon: Users, letter: 'u' },
    { key: 'logs', href: paths.logs, icon: ScrollText, letter: 'l' },
    { key: 'settings', href: paths.settings, icon: SlidersHorizontal, letter: 's' },
  ] : [];
  return { work: work.filter(allowed), administration: administration.filter(allowed) };
}
