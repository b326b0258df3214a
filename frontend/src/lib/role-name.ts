import { useTranslations } from 'next-intl';
import { useCallback } from 'react';

/** The roles that the product brings have a name in every language; the others are called as they were named. */
export function useRoleName() {
  const t = useTranslations('shell');
  return useCallback((name: string) => (t.has(`roles.${name as 'admin'}`) ? t(`roles.${name as 'admin'}`) : name), [t]);
}
