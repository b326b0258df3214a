'use client';

import { LogOut } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { PageHeader } from '@/components/page-header';
import { Button } from '@/components/ui/button';
import { Field, Select } from '@/components/ui/field';
import { useLocaleSwitch } from '@/lib/i18n/locale';
import { LOCALES } from '@/lib/i18n/locale-script';
import { useMe, useSignOut } from '@/lib/session';
import { THEMES, useKnownTheme } from '@/lib/theme';
import { ApiTokens } from './api-tokens';
import { DeleteAccount } from './delete-account';
import { NameForm } from './name-form';
import { PasswordForm } from './password-form';
import { Section } from './section';
import { Sessions } from './sessions';

export function ProfilePage() {
  const t = useTranslations('profile');
  const theme = useTranslations('theme'), sessions = useTranslations('sessions'), tokens = useTranslations('tokens'), account = useTranslations('account');
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
        <Section title={sessions('title')} text={sessions('text')}><Sessions /></Section>
        <Section title={tokens('title')} text={tokens('text')}><ApiTokens me={me} /></Section>
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
        <Section title={account('title')} text={account('text')}><DeleteAccount email={me.user.data.email} /></Section>
      </div>
    </>
  );
}
