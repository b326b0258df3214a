'use client';

import { Monitor, Moon, Sun, SunMoon } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useTheme } from 'next-themes';
import { useSyncExternalStore } from 'react';
import { Button } from './ui/button';
import { Menu, MenuContent, MenuRadioGroup, MenuRadioItem, MenuTrigger } from './ui/menu';

export const THEMES = ['light', 'dark', 'system'] as const;
const icons = { light: Sun, dark: Moon, system: Monitor };

const never = () => () => {};
/** The theme is known in the browser only: on the server there is none. */
export function useKnownTheme() {
  const { theme = 'system', resolvedTheme, setTheme } = useTheme();
  const here = useSyncExternalStore(never, () => true, () => false);
  const known = THEMES.find((one) => one === theme) ?? 'system';
  return { theme: here ? known : 'system', dark: here && resolvedTheme === 'dark', setTheme } as const;
}

/** Three choices, for inside. */
export function ThemeMenu() {
  const t = useTranslations('theme');
  const { theme, setTheme } = useKnownTheme();
  const Icon = icons[theme];
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button variant="ghost" size="xs" className="text-sidebar-foreground" aria-label={`${t('label')}: ${t(theme)}`}><Icon aria-hidden />{t(theme)}</Button>
      </MenuTrigger>
      <MenuContent align="end" side="top">
        <MenuRadioGroup value={theme} onValueChange={setTheme}>
          {THEMES.map((one) => {
            const Choice = icons[one];
            return <MenuRadioItem key={one} value={one}><Choice aria-hidden />{t(one)}</MenuRadioItem>;
          })}
        </MenuRadioGroup>
      </MenuContent>
    </Menu>
  );
}

/** One press to the other one, for the pages before the door. */
export function ThemeToggle() {
  const t = useTranslations('theme');
  const { dark, setTheme } = useKnownTheme();
  return <Button variant="ghost" size="icon" aria-label={t('toggle')} title={t('toggle')} onClick={() => setTheme(dark ? 'light' : 'dark')}><SunMoon aria-hidden /></Button>;
}
