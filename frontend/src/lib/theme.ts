import { useTheme } from 'next-themes';
import { useSyncExternalStore } from 'react';
import { never } from './never';

export const THEMES = ['light', 'dark', 'system'] as const;

/** The theme is known in the browser only: on the server there is none. */
export function useKnownTheme() {
  const { theme = 'system', resolvedTheme, setTheme } = useTheme();
  const here = useSyncExternalStore(never, () => true, () => false);
  const known = THEMES.find((one) => one === theme) ?? 'system';
  return { theme: here ? known : 'system', dark: here && resolvedTheme === 'dark', setTheme } as const;
}
