import { ArrowDown, ArrowUp } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { cn } from '@/lib/cn';
import { useFormat } from '@/lib/format';

/** Fewer posts than this say nothing about a share. */
export const SMALL = 30;

interface ChangeProps {
  now: number | null | undefined;
  before: number | null | undefined;
  /** `points` of a share from 0 to 1, `units` as they are, `percent` relative to before. */
  as: 'points' | 'units' | 'percent';
  /** Which way is worse; neither is for measures without a mood. */
  worse?: 'up' | 'down';
  /** The smaller base of the two. */
  base: number;
}

/** Arrow and signed value: colour says worse or better, never alone. Under one point it is grey and has no arrow. */
export function Change({ now, before, as, worse, base }: ChangeProps) {
  const t = useTranslations('change');
  const format = useFormat();
  if (now == null || before == null || (as === 'percent' && before === 0)) return null;
  if (base < SMALL) return <span className="text-muted-foreground">{t('smallBase')}</span>;
  const difference = as === 'points' ? 100 * (now - before) : as === 'units' ? now - before : now / before - 1;
  const small = Math.abs(difference) < (as === 'percent' ? 0.001 : 1);
  const text = as === 'points' ? t('points', { value: format.signed(difference) }) : as === 'units' ? format.signed(difference) : format.signedPercent(difference);
  const Icon = difference > 0 ? ArrowUp : ArrowDown;
  const mood = small || !worse ? 'text-muted-foreground' : (difference > 0) === (worse === 'up') ? 'text-sentiment-negative-text' : 'text-sentiment-positive-text';
  return <span className={cn('tabular inline-flex items-center gap-0.5 whitespace-nowrap', mood)}>{!small && <Icon aria-hidden className="size-3" strokeWidth={2} />}{text}</span>;
}
