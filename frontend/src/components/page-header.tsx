'use client';

import { ChevronLeft, Menu as MenuIcon } from 'lucide-react';
import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { useEffect, type ReactNode } from 'react';
import { cn } from '@/lib/cn';
import { titleOf, usePlatform } from '@/lib/platform';
import { useDrawer } from './shell/drawer';
import { Button } from './ui/button';

interface PageHeaderProps {
  title: string;
  /** What stands in place of the title's text, such as a choice. */
  children?: ReactNode;
  parent?: { label: string; href: string };
  actions?: ReactNode;
}

export function PageHeader({ title, children, parent, actions }: PageHeaderProps) {
  const t = useTranslations('shell');
  const openDrawer = useDrawer();
  const platform = usePlatform();
  useEffect(() => { document.title = titleOf(title, platform); }, [title, platform]);
  return (
    <header className="no-print sticky top-0 z-20 flex h-(--header-height) shrink-0 items-center gap-2 border-b bg-background pr-(--gutter) pl-(--gutter) max-md:pr-2 max-md:pl-1">
      <Button variant="ghost" size="icon" className="size-10! md:hidden" aria-label={t('openNavigation')} onClick={openDrawer}><MenuIcon aria-hidden /></Button>
      <div className="flex min-w-0 items-center gap-1.5 text-muted-foreground">
        {parent && (
          <>
            <Link href={parent.href} className="shrink-0 rounded-sm hover:text-foreground max-md:hidden">{parent.label}</Link>
            <Link href={parent.href} aria-label={parent.label} className="grid size-8 shrink-0 place-items-center rounded-md hover:bg-accent md:hidden"><ChevronLeft aria-hidden className="size-4" /></Link>
            <span aria-hidden className="text-input max-md:hidden">/</span>
          </>
        )}
        <h1 className={cn('min-w-0 truncate text-sm font-semibold text-foreground', children && 'sr-only')}>{title}</h1>
        {children}
      </div>
      {actions && <div className="ml-auto flex shrink-0 items-center gap-2">{actions}</div>}
    </header>
  );
}
