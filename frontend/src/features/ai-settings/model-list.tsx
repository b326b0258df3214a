'use client';

import { ArrowDown, ArrowUp, Cloud, Server, Zap } from 'lucide-react';
import { useTranslations } from 'next-intl';
import type { KeyboardEvent } from 'react';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import type { Preferences, ResourceModelView } from '@/lib/api/generated';
import { cn } from '@/lib/cn';
import { useFormat } from '@/lib/format';
import { useReorder } from './queries';

interface ModelListProps {
  models: ResourceModelView[];
  preferences: Preferences | undefined;
  current: string | undefined;
  onChoose: (id: string) => void;
}

/** The order is the order in which models stand in for each other. */
export function ModelList({ models, preferences, current, onChoose }: ModelListProps) {
  const t = useTranslations('ai');
  const format = useFormat();
  const reorder = useReorder();
  const move = (from: number, to: number) => {
    const order = models.map(({ uid, data }) => ({ uid, position: data.position }));
    const [moved] = order.splice(from, 1);
    if (!moved || to < 0 || to > order.length) return;
    order.splice(to, 0, moved);
    reorder.mutate(order);
  };
  const onKey = (event: KeyboardEvent, index: number) => {
    if (!event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
    event.preventDefault();
    move(index, event.key === 'ArrowUp' ? index - 1 : index + 1);
  };
  return (
    <>
      {reorder.error && <div className="gutter py-3"><ProblemAlert problem={reorder.error} /></div>}
      <ol>
        {models.map(({ uid, data }, index) => {
          const Icon = data.provider === 'builtin' ? Zap : data.kind === 'external' ? Cloud : Server;
          const free = Number(data.price.input_per_million_tokens) === 0 && Number(data.price.output_per_million_tokens) === 0;
          const first = preferences?.default_external_model_id === uid || preferences?.default_local_model_id === uid;
          return (
            <li key={uid} className={cn('gutter relative flex flex-wrap items-center gap-x-4 gap-y-1 border-b py-2.5 hover:bg-muted', current === uid && 'bg-accent')}>
              <span aria-hidden className="tabular w-4 text-right text-muted-foreground">{index + 1}</span>
              <Icon aria-hidden className="size-4 text-muted-foreground" strokeWidth={1.5} />
              <span className="min-w-0 flex-[2_1_160px]">
                <button type="button" aria-pressed={current === uid} onClick={() => onChoose(uid)} onKeyDown={(event) => onKey(event, index)} className="block max-w-full truncate text-left font-medium after:absolute after:inset-0">{data.model}</button>
                <span className="block text-xs text-muted-foreground">{[t(`providers.${data.provider}`), t(`kinds.${data.kind}`), first && t('default')].filter(Boolean).join(', ')}</span>
              </span>
              <span className="tabular text-muted-foreground max-md:hidden">{free ? t('free') : t('price', { input: format.money(data.price.input_per_million_tokens), output: format.money(data.price.output_per_million_tokens) })}</span>
              <span className="tabular w-24 text-right text-muted-foreground max-md:hidden">{t('calls', { count: data.concurrency })}</span>
              <span className="relative flex">
                <Button size="icon-xs" variant="ghost" disabled={index === 0 || reorder.isPending} aria-label={t('moveUp', { name: data.model })} title={t('moveUp', { name: data.model })} onClick={() => move(index, index - 1)}><ArrowUp aria-hidden /></Button>
                <Button size="icon-xs" variant="ghost" disabled={index === models.length - 1 || reorder.isPending} aria-label={t('moveDown', { name: data.model })} title={t('moveDown', { name: data.model })} onClick={() => move(index, index + 1)}><ArrowDown aria-hidden /></Button>
              </span>
            </li>
          );
        })}
      </ol>
    </>
  );
}
