'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { Button } from '@/components/ui/button';
import { SiteHeader } from './site-header';

export function NotFoundPage() {
  const t = useTranslations('notFound');
  return (
    <div className="mx-auto max-w-[1200px] px-4 md:px-8">
      <SiteHeader />
      <main className="py-16">
        <h1 className="text-xl tracking-tight">{t('title')}</h1>
        <p className="mt-1 text-base text-muted-foreground">{t('text')}</p>
        <Button asChild className="mt-5"><Link href="/home" prefetch={false}>{t('home')}</Link></Button>
      </main>
    </div>
  );
}
