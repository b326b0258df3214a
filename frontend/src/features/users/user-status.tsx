import { Ban, CircleCheck, CirclePause } from 'lucide-react';
import { useTranslations } from 'next-intl';
import type { ResourceAccountData } from '@/lib/api/generated';

/** Shape, word, colour: whether somebody can sign in. */
export function UserStatus({ user: { data } }: { user: ResourceAccountData }) {
  const t = useTranslations('users');
  const [Icon, ink, word] = data.disabled ? [Ban, 'text-status-stopped', t('disabled')] as const
    : data.must_change_password ? [CirclePause, 'text-status-paused', t('mustChange')] as const
      : [CircleCheck, 'text-status-done', t('active')] as const;
  return <span className="inline-flex items-center gap-1.5 align-middle"><Icon aria-hidden strokeWidth={1.75} className={`size-3.5 shrink-0 ${ink}`} />{word}</span>;
}
