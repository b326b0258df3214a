import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { BudgetForm } from './budget-form';
import type { TaskData, TaskEvent } from '@/lib/api/generated';
import { useFormat } from '@/lib/format';
import { modelsFrom } from './task-log';

export function Spend({ id, task, events }: { id: string; task: TaskData; events: TaskEvent[] }) {
  const t = useTranslations('spend');
  const format = useFormat();
  const { usage, budget } = task;
  const spent = Number(usage.cost ?? 0), limit = budget?.max_cost ? Number(budget.max_cost) : null;
  const rows: [string, string][] = [
    [t('cost'), format.money(spent)],
    [t('prompt'), format.count(usage.prompt_tokens ?? 0)],
    [t('completion'), format.count(usage.completion_tokens ?? 0)],
  ];
  const from = modelsFrom(events);
  const asked = [...new Set([...(task.model ? [task.model] : []), ...task.models_used])];
  return (
    <section aria-labelledby="spend-title" className="gutter py-4">
      <h3 id="spend-title" className="text-sm">{t('title')}</h3>
      <p className="text-xs text-muted-foreground">{limit !== null ? t('limit', { limit: format.money(limit) }) : budget?.max_tokens ? t('limitTokens', { count: budget.max_tokens }) : t('noLimit')}</p>
      {limit !== null && limit > 0 && (
        <div role="meter" aria-label={t('title')} aria-valuemin={0} aria-valuemax={limit} aria-valuenow={spent} aria-valuetext={`${format.money(spent)} / ${format.money(limit)}`} className="mt-3 h-2 overflow-hidden rounded-full bg-secondary">
          <div className="h-full bg-foreground" style={{ width: `${Math.min(100, (100 * spent) / limit)}%` }} />
        </div>
      )}
      {!['done', 'stopped'].includes(task.status) && <BudgetForm key={budget?.max_cost ?? ''} id={id} limit={budget?.max_cost ?? null} />}
      <dl className="mt-2">{rows.map(([name, value]) => <Row key={name} name={name}>{value}</Row>)}</dl>
      <h3 className="mt-4 text-sm">{t('models')}</h3>
      {asked.length === 0 && <p className="text-xs text-muted-foreground">{t('noneYet')}</p>}
      <dl className="mt-1">
        {asked.map((model) => {
          const page = from.get(model);
          return <Row key={model} name={<span className="text-foreground">{model}</span>}>{model === task.model ? t(task.models_used.includes(model) ? 'askedFirst' : 'noAnswer') : page ? t('stoodIn', { page }) : t('stoodInOnce')}</Row>;
        })}
      </dl>
    </section>
  );
}

function Row({ name, children }: { name: ReactNode; children: ReactNode }) {
  return <div className="flex justify-between gap-4 border-b py-1.5 last:border-b-0"><dt className="min-w-0 truncate text-muted-foreground">{name}</dt><dd className="tabular shrink-0 text-right">{children}</dd></div>;
}
