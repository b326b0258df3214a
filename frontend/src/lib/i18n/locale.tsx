'use client';

import { NextIntlClientProvider } from 'next-intl';
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { en, type Messages } from '@/messages/en';
import { LOCALE_KEY, LOCALES, type Locale } from './locale-script';

const LocaleContext = createContext<{ locale: Locale; setLocale: (locale: Locale) => void }>({ locale: 'en', setLocale: () => {} });

const load = async (locale: Locale): Promise<Messages> => (locale === 'fr' ? (await import('@/messages/fr')).fr : en);

const isLocale = (text: string): text is Locale => (LOCALES as readonly string[]).includes(text);

export function LocaleProvider({ children }: { children: ReactNode }) {
  const [shown, show] = useState<{ locale: Locale; messages: Messages }>({ locale: 'en', messages: en });

  const turnTo = useCallback(async (locale: Locale) => {
    try {
      show({ locale, messages: await load(locale) });
      document.documentElement.lang = locale;
    } finally {
      document.documentElement.removeAttribute('data-translating');
    }
  }, []);

  useEffect(() => {
    const wanted = document.documentElement.lang;
    if (wanted !== 'en' && isLocale(wanted)) void turnTo(wanted);
  }, [turnTo]);

  const value = useMemo(() => ({
    locale: shown.locale,
    setLocale: (locale: Locale) => {
      localStorage.setItem(LOCALE_KEY, locale);
      void turnTo(locale);
    },
  }), [shown.locale, turnTo]);

  return (
    <LocaleContext.Provider value={value}>
      <NextIntlClientProvider locale={shown.locale} messages={shown.messages} timeZone="UTC">{children}</NextIntlClientProvider>
    </LocaleContext.Provider>
  );
}

export const useLocaleSwitch = () => useContext(LocaleContext);
