import { useTranslations } from 'next-intl';
import type { Analysis } from './types';

/** Why a figure or series can't be computed, in the language of the page; undefined when it can. */
export function useReason({ unavailable }: Analysis): (name: string) => string | undefined {
  const t = useTranslations('reasons');
  return (name) => {
    const found = unavailable.find((one) => one.name === name);
    return found && (t.has(name as 'top_users') ? t(name as 'top_users') : found.reason);
  };
}
