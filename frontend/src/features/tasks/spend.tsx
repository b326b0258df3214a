import { useTranslations } from 'next-intl';
import { BudgetForm } from './budget-form';
import type { TaskData } from '@/lib/api/generated';
import { useFormat } from '@/lib/format';

export function Spend({ id, task }: { id: string; task: TaskData }) {
  const t = useTranslations('spend');
  const format = useFormat();
  const { usage, budget } = task;
  const spent = Number(usage.cost ?? 0), limit = budget?.max_cost ? Number(budget.max_cost) : null;
  const rows: [string, string][] = [
    [t('cost'), format.money(spent)],
    [t('prompt'), format.count(usage.prompt_tokens ?? 0)],
    [t('completion'), format.count(usage.completion_tokens ?? 0)],
    [t('models'), (task.models_used.length ? task.models_used.join(', ') : task.model) ?? t('noneYet')],
  ];
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
      <dl className="mt-2">{rows.map(([name, value]) => <div key={name} className="flex justify-between gap-4 border-b py-1.5 last:border-b-0"><dt className="text-muted-foreground">{name}</dt><dd className="tabular min-w-0 truncate text-right">{value}</dd></div>)}</dl>
    </section>
  );
}
