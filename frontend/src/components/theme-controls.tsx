'use client';

import { Monitor, Moon, Sun } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { THEMES, useKnownTheme } from '@/lib/theme';
import { Button } from './ui/button';
import { Menu, MenuContent, MenuRadioGroup, MenuRadioItem, MenuTrigger } from './ui/menu';

const icons = { light: Sun, dark: Moon, system: Monitor };

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
