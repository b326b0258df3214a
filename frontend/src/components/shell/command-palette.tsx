'use client';

import { Command } from 'cmdk';
import { ChartColumn, CircleUser, Cpu, Database, Languages, ListChecks, LogOut, Moon, Search, ShieldCheck, Sun, Upload } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { Dialog } from 'radix-ui';
import type { ReactNode } from 'react';
import type { MeView } from '@/lib/api/generated';
import { useLocaleSwitch } from '@/lib/i18n/locale';
import { leave } from '@/lib/leaving';
import { pathsOf, type Area } from '@/lib/paths';
import { may, useSignOut } from '@/lib/session';
import { useFiles, useTasks } from '@/lib/task-queries';
import { useKnownTheme } from '@/lib/theme';
import { Kbd } from '../ui/kbd';
import { placesOf } from './navigation';

interface CommandPaletteProps { area: Area; me: MeView | undefined; open: boolean; onOpenChange: (open: boolean) => void }

export function CommandPalette({ open, onOpenChange, ...props }: CommandPaletteProps) {
  const t = useTranslations('palette');
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-overlay" />
        <Dialog.Content aria-describedby={undefined} className="shadow-dialog fixed top-[12vh] left-1/2 z-50 w-[560px] max-w-[calc(100vw-32px)] -translate-x-1/2 overflow-hidden rounded-xl bg-popover">
          <Dialog.Title className="sr-only">{t('title')}</Dialog.Title>
          {open && <Commands {...props} onDone={() => onOpenChange(false)} />}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Commands({ area, me, onDone }: { area: Area; me: MeView | undefined; onDone: () => void }) {
  const t = useTranslations('palette');
  const place = useTranslations('places'), tab = useTranslations('tabs');
  const router = useRouter();
  const signOut = useSignOut();
  const { locale, setLocale } = useLocaleSwitch();
  const { dark, setTheme } = useKnownTheme();
  const paths = pathsOf(area);
  const files = useFiles().data?.items ?? [];
  const tasks = useTasks().data?.items ?? [];
  const name = (file: string) => files.find(({ uid }) => uid === file)?.data.filename;
  const { work, administration } = placesOf(area, me);
  const run = (action: () => void) => () => { onDone(); action(); };
  const go = (href: string) => run(() => leave(() => router.push(href)));
  const analysed = new Set(tasks.filter((task) => task.data.status === 'done').map((task) => task.data.file_id));

  return (
    <Command label={t('title')} loop className="[&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-muted-foreground">
      <div className="flex h-12 items-center gap-3 border-b px-4">
        <Search aria-hidden className="size-4 shrink-0 text-muted-foreground" />
        <Command.Input autoFocus placeholder={t('placeholder')} className="h-full flex-1 bg-transparent text-base outline-none" />
      </div>
      <Command.List className="max-h-[min(400px,60vh)] overflow-y-auto p-1 pb-2">
        <Command.Empty className="px-3 py-6 text-muted-foreground">{t('nothing')}</Command.Empty>
        <Command.Group heading={t('places')}>
          {[...work, ...administration].map(({ key, href, icon: Icon, letter }) => (
            <Entry key={key} value={`${place(key)} ${key}`} onSelect={go(href)} hint={<><Kbd>G</Kbd> <Kbd>{letter.toUpperCase()}</Kbd></>}><Icon aria-hidden />{place(key)}</Entry>
          ))}
          {area === 'admin' && may(me, 'read_users') && <Entry value={`${tab('users.roles')} roles`} onSelect={go(paths.roles)}><ShieldCheck aria-hidden />{tab('users.roles')}</Entry>}
          {area === 'admin' && may(me, 'manage_app') && <Entry value={`${tab('settings.ai')} ai models`} onSelect={go(paths.models)}><Cpu aria-hidden />{tab('settings.ai')}</Entry>}
          <Entry value={`${t('profile')} profile`} onSelect={go('/profile')}><CircleUser aria-hidden />{t('profile')}</Entry>
        </Command.Group>
        <Command.Group heading={t('actions')}>
          {may(me, 'manage_datasets') && <Entry value={`${t('upload')} csv upload`} onSelect={go(paths.newDataset)} hint={<Kbd>U</Kbd>}><Upload aria-hidden />{t('upload')}</Entry>}
          <Entry value={`${t('theme')} theme dark light`} onSelect={run(() => setTheme(dark ? 'light' : 'dark'))}>{dark ? <Sun aria-hidden /> : <Moon aria-hidden />}{dark ? t('lightTheme') : t('darkTheme')}</Entry>
          <Entry value="language français english langue" onSelect={run(() => setLocale(locale === 'en' ? 'fr' : 'en'))}><Languages aria-hidden />{locale === 'en' ? 'Passer en français' : 'Switch to English'}</Entry>
          <Entry value={`${t('signOut')} sign out`} onSelect={run(() => void signOut())}><LogOut aria-hidden />{t('signOut')}</Entry>
        </Command.Group>
        {files.length > 0 && (
          <Command.Group heading={t('datasets')}>
            {files.slice(0, 50).map((file) => (
              <Entry key={file.uid} value={`${file.data.filename} ${file.uid}`} onSelect={go(paths.dataset(file.uid))}><Database aria-hidden /><span className="truncate">{file.data.filename}</span></Entry>
            ))}
          </Command.Group>
        )}
        {analysed.size > 0 && (
          <Command.Group heading={t('analyses')}>
            {[...analysed].slice(0, 50).map((file) => {
              const filename = name(file);
              return filename && <Entry key={file} value={`${t('analysisOf', { filename })} ${file}`} onSelect={go(paths.analysisOf(file))}><ChartColumn aria-hidden /><span className="truncate">{t('analysisOf', { filename })}</span></Entry>;
            })}
          </Command.Group>
        )}
        {tasks.length > 0 && (
          <Command.Group heading={t('tasks')}>
            {tasks.slice(0, 30).map((task) => {
              const filename = name(task.data.file_id);
              return filename && <Entry key={task.uid} value={`${t('taskOf', { filename })} ${task.uid}`} onSelect={go(paths.task(task.uid))}><ListChecks aria-hidden /><span className="truncate">{t('taskOf', { filename })}</span></Entry>;
            })}
          </Command.Group>
        )}
      </Command.List>
      <p className="flex gap-4 border-t px-4 py-2 text-xs text-muted-foreground max-md:hidden">
        <span><Kbd>↑</Kbd> <Kbd>↓</Kbd> {t('move')}</span><span><Kbd>↵</Kbd> {t('open')}</span><span><Kbd>Esc</Kbd> {t('close')}</span>
      </p>
    </Command>
  );
}

function Entry({ value, onSelect, hint, children }: { value: string; onSelect: () => void; hint?: ReactNode; children: ReactNode }) {
  return (
    <Command.Item value={value} onSelect={onSelect} className="flex h-9 cursor-pointer items-center gap-2.5 rounded-md px-2 data-[selected=true]:bg-accent [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-muted-foreground [&_svg]:[stroke-width:1.5]">
      {children}
      {hint && <span className="ml-auto flex gap-1">{hint}</span>}
    </Command.Item>
  );
}
