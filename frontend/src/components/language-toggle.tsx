'use client';

import { useLocaleSwitch } from '@/lib/i18n/locale';
import { Button } from './ui/button';

/** The other language, in its own words. */
export function LanguageToggle() {
  const { locale, setLocale } = useLocaleSwitch();
  const other = locale === 'en' ? 'fr' : 'en';
  return <Button variant="ghost" lang={other} onClick={() => setLocale(other)}>{other === 'fr' ? 'Français' : 'English'}</Button>;
}
