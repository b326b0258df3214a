'use client';

import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useEffectEvent } from 'react';
import { LanguageToggle } from '@/components/language-toggle';
import { PriorityLabel, SentimentLabel } from '@/components/labels';
import { Logo } from '@/components/logo';
import { ThemeToggle } from '@/components/theme-toggle';
import { getMeOptions } from '@/lib/api/generated/@tanstack/react-query.gen';
import { cn } from '@/lib/cn';
import { safeNext } from '@/lib/paths';
import { titleOf, usePlatform } from '@/lib/platform';
import { hadSession, homeOf } from '@/lib/session';
import { LoginForm } from './login-form';
import { RegisterForm } from './register-form';

const TABS = ['login', 'register'] as const;

export function AuthPage() {
  const t = useTranslations('auth');
  const [{ tab: asked, next }, setState] = useQueryStates({ tab: parseAsStringLiteral(TABS).withDefault('login'), next: parseAsString });
  const platform = usePlatform();
  const closed = platform.registration === 'closed';
  const tab = closed ? 'login' : asked;
  const queries = useQueryClient();
  const router = useRouter();
  const title = t(tab);
  useEffect(() => { document.title = titleOf(title, platform); }, [title, platform]);

  /** Called when there is a session: leads to where the visitor wanted to go. */
  const enter = async () => {
    const me = await queries.fetchQuery({ ...getMeOptions(), staleTime: 0 });
    router.replace(safeNext(next) ?? homeOf(me));
  };

  // Whoever has a session already is not asked again; a session that ended meanwhile leaves the form.
  const enterAgain = useEffectEvent(() => { if (hadSession()) void enter().catch(() => {}); });
  useEffect(() => enterAgain(), []);

  return (
    <div className="grid min-h-dvh lg:grid-cols-2">
      <div className="flex flex-col px-4 py-4 md:px-8 md:py-6">
        <header className="flex items-center gap-2">
          <Link href="/" className="flex flex-1 items-center gap-2 rounded-md text-base font-semibold"><Logo />{platform.appName}</Link>
          <LanguageToggle /><ThemeToggle />
        </header>
        <main className="my-auto w-full max-w-[360px] self-center py-10 max-md:mt-6 max-md:mb-auto max-md:max-w-none">
          <h1 className="sr-only">{title}</h1>
          {platform.isMaintenance && <p role="status" className="mb-6 rounded-lg bg-status-paused-surface px-4 py-3">{t('maintenance')}</p>}
          {closed && asked === 'register' && <p role="status" className="mb-6 rounded-lg bg-status-paused-surface px-4 py-3">{t('closed')}</p>}
          {closed ? <h2 className="mb-6 text-xl tracking-tight">{t('login')}</h2> : (
            <div role="tablist" aria-label={t('tabs')} className="mb-6 flex h-9 gap-5 border-b">
              {TABS.map((one) => (
                <button
                  key={one}
                  type="button"
                  role="tab"
                  id={`tab-${one}`}
                  aria-selected={one === tab}
                  aria-controls="auth-panel"
                  onClick={() => void setState({ tab: one })}
                  className={cn('-mb-px border-b-2 border-transparent px-0 pb-2 font-medium text-muted-foreground hover:text-foreground', one === tab && 'border-primary text-foreground dark:border-ring')}
                >
                  {t(one)}
                </button>
              ))}
            </div>
          )}
          <div id="auth-panel" {...(closed ? {} : { role: 'tabpanel', 'aria-labelledby': `tab-${tab}` })}>
            {tab === 'login' ? <LoginForm onDone={enter} /> : <RegisterForm onDone={enter} />}
          </div>
        </main>
      </div>
      <aside className="flex flex-col justify-center border-l border-sidebar-border bg-sidebar px-16 py-12 max-lg:hidden">
        <blockquote className="max-w-[520px] text-2xl leading-[34px] font-medium tracking-tight text-pretty">{t('quote')}</blockquote>
        <dl className="mt-7 flex max-w-[520px] gap-8 border-t pt-3.5 [&_dt]:mb-1 [&_dt]:text-xs [&_dt]:text-muted-foreground">
          <div><dt>{t('sentiment')}</dt><dd><SentimentLabel sentiment="negative" /></dd></div>
          <div><dt>{t('priority')}</dt><dd><PriorityLabel priority={2} /></dd></div>
          <div><dt>{t('topic')}</dt><dd className="text-xs leading-5 font-medium">{t('quoteTopic')}</dd></div>
        </dl>
        <p className="mt-9 max-w-[520px] text-xs text-muted-foreground">{t('promise')}</p>
      </aside>
    </div>
  );
}
