'use client';

import { ChevronsUpDown, CircleUser, Languages, LogOut, Search } from 'lucide-react';
import Link from 'next/link';
import { usePathname, useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useState, type ComponentProps } from 'react';
import { isActive } from '@/components/task-status';
import { useLocaleSwitch } from '@/lib/i18n/locale';
import { cn } from '@/lib/cn';
import { pathsOf, type Area } from '@/lib/paths';
import { usePlatform } from '@/lib/platform';
import { useRoleName } from '@/lib/role-name';
import { useMe, useSignOut } from '@/lib/session';
import { useTasks } from '@/lib/task-queries';
import { Initials } from '../initials';
import { Logo } from '../logo';
import { ThemeMenu } from '../theme-controls';
import { Kbd } from '../ui/kbd';
import { Menu, MenuContent, MenuItem, MenuSeparator, MenuTrigger } from '../ui/menu';
import { placesOf, type Place } from './navigation';

interface SidebarProps {
  area: Area;
  onSearch: () => void;
  /** In the drawer everything is written out; the rail shows icons alone. */
  drawer?: boolean;
}

export function Sidebar({ area, onSearch, drawer = false }: SidebarProps) {
  const t = useTranslations('shell');
  const me = useMe().data;
  const { appName } = usePlatform();
  const { work, administration } = placesOf(area, me);
  const word = drawer ? '' : 'md:max-lg:hidden';
  return (
    <div className="flex h-full flex-col bg-sidebar px-2 pb-2 text-sidebar-foreground">
      <PlaceLink href={pathsOf(area).overview} className={cn('flex h-12 shrink-0 items-center gap-2 rounded-md px-2 font-semibold text-foreground', !drawer && 'md:max-lg:justify-center md:max-lg:px-0')}>
        <Logo /><span className={cn('truncate', word)}>{appName}</span>
      </PlaceLink>
      <button
        type="button"
        onClick={onSearch}
        aria-keyshortcuts="Control+K"
        className={cn('mb-3 flex h-8 shrink-0 items-center gap-2 rounded-md border bg-background pr-1.5 pl-2 text-sidebar-muted hover:bg-accent', !drawer && 'md:max-lg:justify-center md:max-lg:px-0')}
      >
        <Search aria-hidden className="size-3.5 shrink-0" /><span className={cn('flex-1 text-left whitespace-nowrap', !drawer && 'md:max-lg:sr-only')}>{t('search')}</span><span className={word}><Kbd>Ctrl K</Kbd></span>
      </button>
      <nav aria-label={t('navigation')} className="min-h-0 flex-1 overflow-y-auto py-0.5">
        <Places places={work} drawer={drawer} />
        {administration.length > 0 && (
          <>
            <p className={cn('px-2 pt-4 pb-1 text-xs text-sidebar-muted', word)}>{t('administration')}</p>
            <Places places={administration} drawer={drawer} />
          </>
        )}
      </nav>
      <div className={cn('flex h-8 shrink-0 items-center pl-2 text-xs text-sidebar-muted', word)}><span className="flex-1">{t('theme')}</span><ThemeMenu /></div>
      <UserMenu drawer={drawer} />
    </div>
  );
}

function Places({ places, drawer }: { places: Place[]; drawer: boolean }) {
  const t = useTranslations('places');
  const path = usePathname();
  return (
    <ul className="grid gap-px">
      {places.map(({ key, href, icon: Icon, letter }) => {
        const current = path === href || (key === 'overview' && /^\/(home|admin)\/?$/.test(path)) || path.startsWith(`${href}/`);
        return (
          <li key={key}>
            <PlaceLink
              href={href}
              aria-current={current ? 'page' : undefined}
              title={`${t(key)} (G ${letter.toUpperCase()})`}
              className={cn(
                'relative flex h-7 items-center gap-2 rounded-md px-2 transition-colors hover:bg-sidebar-accent/60 max-md:h-10',
                !drawer && 'md:max-lg:justify-center md:max-lg:px-0',
                current && 'bg-sidebar-accent font-medium text-sidebar-accent-foreground before:absolute before:inset-y-1 before:left-0 before:w-0.5 before:rounded-full before:bg-sidebar-primary',
              )}
            >
              <Icon aria-hidden strokeWidth={1.5} className={cn('size-4 shrink-0', current ? 'text-primary dark:text-ring' : 'text-sidebar-muted')} />
              <span className={drawer ? '' : 'md:max-lg:sr-only'}>{t(key)}</span>
              {key === 'tasks' && <Running className={drawer ? '' : 'md:max-lg:hidden'} />}
            </PlaceLink>
          </li>
        );
      })}
    </ul>
  );
}

/** A link whose page is fetched when one comes near it: fetching all of them holds up the page that is opened. */
function PlaceLink(props: ComponentProps<typeof Link>) {
  const [near, setNear] = useState(false);
  return <Link {...props} prefetch={near ? null : false} onPointerEnter={() => setNear(true)} onFocus={() => setNear(true)} />;
}

function Running({ className }: { className?: string }) {
  const t = useTranslations('shell');
  const count = useTasks().data?.items.filter((task) => isActive(task.data)).length ?? 0;
  return count > 0 && <span className={cn('tabular ml-auto text-xs font-normal text-sidebar-muted', className)}>{t('running', { count })}</span>;
}

function UserMenu({ drawer }: { drawer: boolean }) {
  const t = useTranslations('shell');
  const me = useMe().data;
  const router = useRouter();
  const signOut = useSignOut();
  const roleName = useRoleName();
  const { locale, setLocale } = useLocaleSwitch();
  const other = locale === 'en' ? 'fr' : 'en';
  if (!me) return <div className="h-11 shrink-0" />;
  const name = me.user.data.name ?? me.user.data.email;
  const word = drawer ? '' : 'md:max-lg:hidden';
  return (
    <div className="-mx-2 shrink-0 border-t border-sidebar-border px-2 pt-2">
      <Menu>
        <MenuTrigger className={cn('flex h-9 w-full items-center gap-2 rounded-md px-2 text-left hover:bg-sidebar-accent/60', !drawer && 'md:max-lg:justify-center md:max-lg:px-0')}>
          <Initials name={name} />
          <span className="sr-only">{t('account')}</span>
          <span className={cn('min-w-0 flex-1', !drawer && 'md:max-lg:sr-only')}>
            <span className="block truncate leading-4 font-medium text-foreground">{name}</span>
            <span className="block truncate text-xs text-sidebar-muted">{roleName(me.role.name)}</span>
          </span>
          <ChevronsUpDown aria-hidden className={cn('size-3.5 shrink-0 text-sidebar-muted', word)} />
        </MenuTrigger>
        <MenuContent align="start" side="top" className="w-[208px]">
          <MenuItem onSelect={() => router.push('/profile')}><CircleUser aria-hidden />{t('profile')}</MenuItem>
          <MenuItem lang={other} onSelect={() => setLocale(other)}><Languages aria-hidden />{other === 'fr' ? 'Français' : 'English'}</MenuItem>
          <MenuSeparator />
          <MenuItem onSelect={() => void signOut()}><LogOut aria-hidden />{t('signOut')}</MenuItem>
        </MenuContent>
      </Menu>
    </div>
  );
}
