'use client';

import { Wrench } from 'lucide-react';
import dynamic from 'next/dynamic';
import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { Dialog } from 'radix-ui';
import { useState, type ReactNode } from 'react';
import { ProblemAlert } from '@/components/problem-alert';
import { PANEL_PLACE } from '@/components/side-panel';
import { ApiProblem } from '@/lib/api/problem';
import { useLiveTasks } from '@/lib/live-tasks';
import { pathsOf } from '@/lib/paths';
import { usePlatform } from '@/lib/platform';
import { may, useGuard, useMe } from '@/lib/session';
import { useEarlyLists } from '@/lib/task-queries';
import { Sheet } from '../ui/dialog';
import { Skeleton } from '../ui/skeleton';
import { DrawerContext } from './drawer';
import { MaintenancePage } from './maintenance-page';
import { Sidebar } from './sidebar';
import { useShortcuts } from './use-shortcuts';

const CommandPalette = dynamic(() => import('./command-palette').then((it) => it.CommandPalette), { ssr: false });

/** The frame of every page behind the door. */
export function AppShell({ children }: { children: ReactNode }) {
  const t = useTranslations('shell');
  useEarlyLists();
  const me = useGuard();
  const asked = useMe();
  const path = usePathname();
  const [drawer, setDrawer] = useState<string | null>(null);
  const [palette, setPalette] = useState<boolean | null>(null);
  // The profile belongs to no area: it keeps the one its owner lives in.
  const area = path.startsWith('/admin') || (path === '/profile' && may(me, 'manage_app')) ? 'admin' : 'home';
  const { appName, isMaintenance } = usePlatform();
  useLiveTasks();
  useShortcuts({ area, me, onPalette: () => setPalette((open) => !open) });

  const refused = asked.error instanceof ApiProblem && asked.error.code === 'maintenance';
  if (refused || (isMaintenance && me && !may(me, 'manage_app'))) return <MaintenancePage onLook={() => asked.refetch()} />;
  if (asked.error && !(asked.error instanceof ApiProblem && asked.error.status === 401)) {
    return <main className="mx-auto max-w-[720px] p-6"><h1 className="sr-only">{appName}</h1><ProblemAlert problem={asked.error} onRetry={() => void asked.refetch()} /></main>;
  }
  const openPalette = () => { setDrawer(null); setPalette(true); };
  return (
    <DrawerContext value={() => setDrawer(path)}>
      <a href="#main" className="sr-only z-50 rounded-md bg-background px-3 py-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2">{t('skip')}</a>
      <div className="app-shell grid min-h-dvh grid-cols-[minmax(0,1fr)] md:grid-cols-[var(--sidebar-rail)_minmax(0,1fr)] lg:grid-cols-[var(--sidebar-width)_minmax(0,1fr)]">
        <aside className="sticky top-0 h-dvh border-r border-sidebar-border bg-sidebar max-md:hidden"><Sidebar area={area} onSearch={openPalette} /></aside>
        <main id="main" tabIndex={-1} className="flex min-w-0 flex-col outline-none">
          {me ? (
            <>
              {isMaintenance && <Maintenance />}
              {me.must_change_password && path !== '/profile' && <ChangePassword />}
              <div id={PANEL_PLACE} className="contents" />
              {children}
            </>
          ) : <Waiting />}
        </main>
      </div>
      {/* It closes by itself when it led somewhere. */}
      <Dialog.Root open={drawer !== null && drawer === path} onOpenChange={(open) => setDrawer(open ? path : null)}>
        <Sheet side="left" label={t('navigation')}><Sidebar area={area} onSearch={openPalette} drawer /></Sheet>
      </Dialog.Root>
      {/* Nobody waits for it before it is wanted. */}
      {palette !== null && <CommandPalette area={area} me={me} open={palette} onOpenChange={setPalette} />}
    </DrawerContext>
  );
}

function Maintenance() {
  const t = useTranslations('maintenance');
  return <p className="no-print gutter flex flex-wrap items-center gap-x-2 border-b bg-status-paused-surface py-2 text-sm"><Wrench aria-hidden className="size-3.5 shrink-0" /><span>{t('banner')} <Link className="link font-medium" href={pathsOf('admin').settings}>{t('toSettings')}</Link></span></p>;
}

function ChangePassword() {
  const t = useTranslations('shell');
  return <p className="no-print gutter border-b bg-status-paused-surface py-2 text-sm">{t('knownPassword')} <Link className="link font-medium" href="/profile">{t('changePassword')}</Link></p>;
}

function Waiting() {
  return (
    <div aria-hidden>
      <div className="gutter flex h-(--header-height) items-center border-b"><Skeleton className="h-4 w-40" /></div>
      <div className="gutter grid gap-3 py-6"><Skeleton className="h-8 w-72" /><Skeleton className="h-40" /></div>
    </div>
  );
}

