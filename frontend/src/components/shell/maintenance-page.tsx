'use client';

import { useTranslations } from 'next-intl';
import { useEffect, useEffectEvent, useState } from 'react';
import { lookAtPlatform, titleOf, usePlatform } from '@/lib/platform';
import { useSignOut } from '@/lib/session';
import { LanguageToggle } from '../language-toggle';
import { Logo } from '../logo';
import { ThemeToggle } from '../theme-toggle';
import { Button } from '../ui/button';

const LOOK_AGAIN = 15_000; // ms

/** What everybody but administrators sees while the platform is worked on. It goes on by itself. */
export function MaintenancePage({ onLook }: { onLook: () => Promise<unknown> }) {
  const t = useTranslations('maintenance'), shell = useTranslations('shell');
  const platform = usePlatform();
  const signOut = useSignOut();
  const [looking, setLooking] = useState(false);
  const title = t('title');
  useEffect(() => { document.title = titleOf(title, platform); }, [title, platform]);
  const look = async () => {
    await lookAtPlatform();
    await onLook();
  };
  const lookByItself = useEffectEvent(() => { if (!document.hidden) void look(); });
  useEffect(() => {
    const timer = setInterval(() => lookByItself(), LOOK_AGAIN);
    return () => clearInterval(timer);
  }, []);
  return (
    <div className="flex min-h-dvh flex-col px-4 py-4 md:px-8 md:py-6">
      <header className="flex items-center gap-2"><span className="flex min-w-0 flex-1 items-center gap-2 text-base font-semibold"><Logo /><span className="truncate">{platform.appName}</span></span><LanguageToggle /><ThemeToggle /></header>
      <main className="my-auto w-full max-w-[560px] self-center py-10">
        <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
        <p className="mt-1 text-base text-pretty text-muted-foreground">{t('text')}</p>
        <div className="mt-5 flex flex-wrap gap-2">
          <Button variant="primary" disabled={looking} onClick={() => { setLooking(true); void look().finally(() => setLooking(false)); }}>{looking ? t('looking') : t('look')}</Button>
          <Button variant="ghost" onClick={() => void signOut()}>{shell('signOut')}</Button>
        </div>
      </main>
    </div>
  );
}
