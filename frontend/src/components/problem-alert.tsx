'use client';

import { CircleAlert, Copy, Lock, RefreshCw } from 'lucide-react';
import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { ApiProblem } from '@/lib/api/problem';
import { cn } from '@/lib/cn';
import { useFormat } from '@/lib/format';
import { useProblemText } from '@/lib/problem-text';
import { Button } from './ui/button';

interface ProblemAlertProps {
  problem: unknown;
  /** What happened, when the page knows it better than the code. */
  title?: string | undefined;
  /** What to do about it, when the page knows it better than the code. */
  detail?: string | undefined;
  onRetry?: () => void;
  actions?: ReactNode;
  className?: string;
}

/** What happened, what is kept, what to do; then the ids that support needs. */
export function ProblemAlert({ problem, title, detail, onRetry, actions, className }: ProblemAlertProps) {
  const t = useTranslations('problem');
  const format = useFormat();
  const text = useProblemText()(problem);
  const known = problem instanceof ApiProblem ? problem : null;
  const neutral = known?.code === 'forbidden';
  const Icon = neutral ? Lock : CircleAlert;
  const details = [known?.requestId && `request ${known.requestId}`, known && `code ${known.code}`, known?.status && `status ${known.status}`, known?.at.toISOString()].filter(Boolean).join(', ');
  return (
    <div role="alert" className={cn('grid grid-cols-[16px_1fr] gap-x-3 rounded-lg border px-4 py-3.5', neutral ? 'bg-card' : 'border-destructive-border bg-destructive-surface', className)}>
      <Icon aria-hidden className={cn('mt-0.5 size-4', !neutral && 'text-destructive')} />
      <div className="min-w-0">
        <h2 className={cn('text-sm font-semibold', !neutral && 'text-destructive')}>{title ?? text.title}</h2>
        <p className="break-words">{detail ?? text.detail}</p>
        {known && known.errors.length > 0 && (
          <ul className="mt-1 text-xs">{known.errors.slice(0, 5).map((error) => <li key={error.pointer + error.detail}><span className="font-mono">{error.pointer}</span> {error.detail}</li>)}</ul>
        )}
        {(onRetry || actions || known?.requestId) && (
          <div className="mt-3 flex flex-wrap gap-2">
            {onRetry && <Button size="sm" onClick={onRetry}><RefreshCw aria-hidden />{t('tryAgain')}</Button>}
            {actions}
            {known?.requestId && <Button size="sm" variant="ghost" onClick={() => void navigator.clipboard?.writeText(details)}><Copy aria-hidden />{t('copyDetails')}</Button>}
          </div>
        )}
        {known && known.status > 0 && (
          <p className="mt-2.5 flex flex-wrap gap-x-5 gap-y-1 text-xs text-muted-foreground">
            {known.requestId && <span>{t('request')} <span className="font-mono break-all text-foreground">{known.requestId}</span></span>}
            <span>{t('code')} <span className="font-mono text-foreground">{known.code}</span></span>
            <span>{t('status')} <span className="font-mono text-foreground">{known.status}</span></span>
            <span>{format.clock(known.at)}</span>
          </p>
        )}
      </div>
    </div>
  );
}
