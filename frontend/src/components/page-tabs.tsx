'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { parseAsString, useQueryState } from 'nuqs';
import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';
import { pathsOf } from '@/lib/paths';

/** Places of the administration that are several pages; the first is shown unless `?tab=` names another. */
const TABS = { users: ['users', 'roles'], settings: ['general', 'ai'] } as const;
type TabPlace = keyof typeof TABS;

function useTab(place: TabPlace) {
  const [asked] = useQueryState('tab', parseAsString);
  return TABS[place].find((tab) => tab === asked) ?? TABS[place][0];
}

export function PageTabs({ place }: { place: TabPlace }) {
  const t = useTranslations('tabs');
  const current = useTab(place);
  const path = pathsOf('admin')[place];
  return (
    <nav aria-label={t(`${place}.label`)} className="no-print gutter flex h-11 shrink-0 gap-5 overflow-x-auto border-b [scrollbar-width:none]">
      {TABS[place].map((tab, index) => (
        <Link
          key={tab}
          href={index === 0 ? path : `${path}?tab=${tab}`}
          aria-current={tab === current ? 'page' : undefined}
          className={cn('-mb-px flex items-center border-b-2 border-transparent font-medium whitespace-nowrap text-muted-foreground hover:text-foreground focus-visible:-outline-offset-2', tab === current && 'border-primary text-foreground dark:border-ring')}
        >
          {t(`${place}.${tab as 'label'}`)}
        </Link>
      ))}
    </nav>
  );
}

/** The page that the address names. */
export function ByTab({ place, pages }: { place: TabPlace; pages: Record<string, ReactNode> }) {
  return pages[useTab(place)];
}
