'use client';

import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Field, Input } from '@/components/ui/field';
import { Skeleton } from '@/components/ui/skeleton';
import { createTask, estimateTask, type Budget, type Estimate, type EstimatedModel, type TaskOptions, type ResourceFileData, type ResourceTaskData } from '@/lib/api/generated';
import { ApiProblem } from '@/lib/api/problem';
import { useFormat } from '@/lib/format';
import { useForgetLists } from '@/lib/task-queries';

interface AddPanelProps { dataset: ResourceFileData; onAdded: (task: ResourceTaskData) => void }

/** What happens next, and the one red button: the dataset becomes a task. */
export function AddPanel({ dataset, onAdded }: AddPanelProps) {
  const t = useTranslations('add');
  const [rowsAPage, setRowsAPage] = useState('');
  const [dropOutliers, setDropOutliers] = useState(false);
  const [limit, setLimit] = useState('');
  const forget = useForgetLists();
  const badLimit = rowsAPage !== '' && !(Number(rowsAPage) >= 1 && Number(rowsAPage) <= 5000);
  const badBudget = limit !== '' && !/^\d+([.,]\d+)?$/.test(limit);
  const options: TaskOptions = { drop_outliers: dropOutliers, ...(rowsAPage && !badLimit ? { paginate_rows_limit: Number(rowsAPage) } : {}) };
  const noColumn = !dataset.data.text_column;
  // The file is read for it, no model is asked.
  const estimate = useQuery({
    queryKey: ['estimate', dataset.uid, dataset.updatedAt, options],
    queryFn: async ({ signal }) => (await estimateTask({ body: { file_id: dataset.uid, options }, signal, throwOnError: true })).data,
    enabled: !noColumn,
    staleTime: 60_000,
    placeholderData: (before) => before,
  });
  const models = estimate.data?.models;
  const budget: Budget | null = limit ? { max_cost: limit.replace(',', '.') } : null;
  const add = useMutation({
    mutationFn: async (start: boolean) => (await createTask({ body: { file_id: dataset.uid, start, options, ...(budget && { budget }) }, throwOnError: true })).data,
    onSuccess: (task) => {
      void forget.tasks();
      onAdded(task);
    },
  });
  const noModel = estimate.error instanceof ApiProblem && estimate.error.code === 'no_model';
  const blocked = noColumn ? t('columnFirst') : noModel ? t('noModel') : badLimit ? t('limitWrong') : badBudget ? t('budgetWrong') : undefined;

  return (
    <section aria-labelledby="add-title" className="grid gap-4 p-(--gutter)">
      <header>
        <h2 id="add-title" className="text-sm">{t('title')}</h2>
        <p className="text-xs text-muted-foreground">{t('rows', { count: dataset.data.row_count })}</p>
      </header>
      <div>
        <h3 className="mb-1 text-xs font-normal text-muted-foreground">{t('models')}</h3>
        {estimate.isLoading && <Skeleton className="h-11" />}
        {estimate.error && !noModel && <ProblemAlert problem={estimate.error} onRetry={() => void estimate.refetch()} />}
        <ol>{models?.map((model, index) => <Model key={model.uid} model={model} first={index === 0} />)}</ol>
        {noModel && <p className="py-2">{t('noModel')}</p>}
      </div>
      <details className="group">
        <summary className="cursor-pointer rounded-sm text-xs text-muted-foreground hover:text-foreground">{t('options')}</summary>
        <div className="mt-3 grid gap-3">
          <Field label={t('rowsAPage')} hint={t('rowsAPageHint', { limit: models?.[0]?.paginate_rows_limit ?? 500 })} error={badLimit ? t('limitWrong') : undefined}>
            {(field) => <Input {...field} inputMode="numeric" value={rowsAPage} placeholder={String(models?.[0]?.paginate_rows_limit ?? 500)} onChange={(event) => setRowsAPage(event.target.value.replace(/\D/g, ''))} />}
          </Field>
          <label className="flex cursor-pointer items-start gap-2"><input type="checkbox" className="mt-0.5 size-4 accent-foreground" checked={dropOutliers} onChange={(event) => setDropOutliers(event.target.checked)} /><span>{t('dropOutliers')}<span className="block text-xs text-muted-foreground">{t('dropOutliersHint')}</span></span></label>
        </div>
      </details>
      {estimate.isLoading && <Skeleton className="h-28" />}
      {estimate.data && <Estimated estimate={estimate.data} />}
      <Field label={t('budget')} hint={t('budgetHint')} error={badBudget ? t('budgetWrong') : undefined}>
        {(field) => <Input {...field} inputMode="decimal" placeholder={t('noBudget')} value={limit} onChange={(event) => setLimit(event.target.value.trim())} />}
      </Field>
      {add.error && <ProblemAlert problem={add.error} />}
      <div className="grid gap-2">
        <Button variant="primary" disabled={add.isPending || Boolean(blocked)} title={blocked} onClick={() => add.mutate(true)}>{t('addAndStart')}</Button>
        <Button disabled={add.isPending || Boolean(blocked)} title={blocked} onClick={() => add.mutate(false)}>{t('addOnly')}</Button>
        {blocked && <p className="text-xs text-muted-foreground">{blocked}</p>}
      </div>
    </section>
  );
}

/** What it would come to for the model that is asked first. */
function Estimated({ estimate }: { estimate: Estimate }) {
  const t = useTranslations('add');
  const format = useFormat();
  const { cost, seconds, range, unique_texts: texts, cached_texts: cached, prompt_tokens: prompt, completion_tokens: completion } = estimate;
  const rows: [string, string][] = [
    [t('texts'), cached > 0 ? t('textsCached', { texts, cached }) : format.count(texts)],
    [t('prompt'), format.count(prompt)],
    [t('completion'), format.count(completion)],
    [t('cost'), Number(cost) === 0 ? t('free') : `${format.money(cost)} (${format.money(range.cost[0] ?? cost)} – ${format.money(range.cost[1] ?? cost)})`],
    [t('time'), t('about', { duration: format.duration(seconds) })],
  ];
  return (
    <div>
      <h3 className="text-xs font-normal text-muted-foreground">{t('estimate')}</h3>
      <dl>{rows.map(([name, value]) => <div key={name} className="flex justify-between gap-4 border-b py-1.5 last:border-b-0"><dt className="text-muted-foreground">{name}</dt><dd className="tabular text-right">{value}</dd></div>)}</dl>
    </div>
  );
}

function Model({ model, first }: { model: EstimatedModel; first: boolean }) {
  const t = useTranslations('add');
  const format = useFormat();
  const { input_per_million_tokens: input, output_per_million_tokens: output } = model.price;
  const free = Number(input) === 0 && Number(output) === 0;
  return (
    <li className="flex items-start gap-3 border-b py-2 last:border-b-0">
      <span className="min-w-0 flex-1">
        <span className="block truncate font-medium">{model.model}</span>
        <span className="block text-xs text-muted-foreground">{model.provider === 'builtin' ? t('builtin') : first ? t('askedFirst') : t('standsIn')}</span>
      </span>
      <span className="tabular text-right text-xs leading-5 text-muted-foreground">{free ? t('free') : t('price', { input: format.money(input), output: format.money(output) })}</span>
    </li>
  );
}
