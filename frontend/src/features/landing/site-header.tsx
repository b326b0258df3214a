'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { LanguageToggle } from '@/components/language-toggle';
import { Logo } from '@/components/logo';
import { ThemeToggle } from '@/components/theme-toggle';
import { Button } from '@/components/ui/button';
import { usePlatform } from '@/lib/platform';

export function SiteHeader() {
  const t = useTranslations('landing');
  return (
    <header className="flex h-16 items-center gap-1">
      <Link href="/" className="flex flex-1 items-center gap-2 rounded-md text-base font-semibold"><Logo />{usePlatform().appName}</Link>
      <Button asChild variant="ghost" className="max-md:hidden"><a href="/docs">{t('reference')}</a></Button>
      <LanguageToggle />
      <ThemeToggle />
    </header>
  );
}
