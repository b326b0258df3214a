'use client';

import { SunMoon } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useKnownTheme } from '@/lib/theme';
import { Button } from './ui/button';

/** One press to the other one, for the pages before the door. */
export function ThemeToggle() {
  const t = useTranslations('theme');
  const { dark, setTheme } = useKnownTheme();
  return <Button variant="ghost" size="icon" aria-label={t('toggle')} title={t('toggle')} onClick={() => setTheme(dark ? 'light' : 'dark')}><SunMoon aria-hidden /></Button>;
}
