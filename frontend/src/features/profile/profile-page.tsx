'use client';

import { LogOut } from 'lucide-react';
import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { PageHeader } from '@/components/page-header';
import { Button } from '@/components/ui/button';
import { Field, Select } from '@/components/ui/field';
import { useLocaleSwitch } from '@/lib/i18n/locale';
import { LOCALES } from '@/lib/i18n/locale-script';
import { useMe, useSignOut } from '@/lib/session';
import { THEMES, useKnownTheme } from '@/lib/theme';
import { NameForm } from './name-form';
import { PasswordForm } from './password-form';

export function ProfilePage() {
  const t = useTranslations('profile');
  const theme = useTranslations('theme');
  const me = useMe().data;
  const signOut = useSignOut();
  const { locale, setLocale } = useLocaleSwitch();
  const { theme: chosen, setTheme } = useKnownTheme();
  if (!me) return null;
  return (
    <>
      <PageHeader title={t('title')} actions={<Button size="sm" onClick={() => void signOut()}><LogOut aria-hidden />{t('signOut')}</Button>} />
      <div className="max-w-[760px]">
        <Section title={t('account')} text={t('accountText', { email: me.user.data.email, role: me.role.name })}><NameForm me={me} /></Section>
        <Section title={t('password')} text={me.must_change_password ? t('passwordKnown') : t('passwordText')}><PasswordForm /></Section>
        <Section title={t('appearance')} text={t('appearanceText')}>
          <div className="grid gap-4 md:grid-cols-2">
            <Field label={t('language')}>
              {(field) => <Select {...field} value={locale} onChange={(event) => setLocale(LOCALES.find((one) => one === event.target.value) ?? 'en')}><option value="en" lang="en">English</option><option value="fr" lang="fr">Français</option></Select>}
            </Field>
            <Field label={theme('label')}>
              {(field) => <Select {...field} value={chosen} onChange={(event) => setTheme(event.target.value)}>{THEMES.map((one) => <option key={one} value={one}>{theme(one)}</option>)}</Select>}
            </Field>
          </div>
        </Section>
      </div>
    </>
  );
}

function Section({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <section aria-label={title} className="gutter grid gap-x-8 gap-y-4 border-b py-6 md:grid-cols-[220px_minmax(0,1fr)]">
      <header><h2 className="text-sm">{title}</h2><p className="mt-0.5 text-xs break-words text-muted-foreground">{text}</p></header>
      {children}
    </section>
  );
}
