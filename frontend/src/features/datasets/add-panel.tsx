'use client';

import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Field, Input } from '@/components/ui/field';
import { Skeleton } from '@/components/ui/skeleton';
import { createTask, type ModelSnapshot, type ResourceFileData, type ResourceTaskData } from '@/lib/api/generated';
import { getAiRouteOptions } from '@/lib/api/generated/@tanstack/react-query.gen';
import { useFormat } from '@/lib/format';
import { useForgetLists } from '@/lib/task-queries';

interface AddPanelProps { dataset: ResourceFileData; onAdded: (task: ResourceTaskData) => void }

/** What happens next, and the one red button: the dataset becomes a task. */
export function AddPanel({ dataset, onAdded }: AddPanelProps) {
  const t = useTranslations('add');
  const [rowsAPage, setRowsAPage] = useState('');
  const [dropOutliers, setDropOutliers] = useState(false);
  const route = useQuery(getAiRouteOptions());
  const forget = useForgetLists();
  const add = useMutation({
    mutationFn: async (start: boolean) => (await createTask({
      body: { file_id: dataset.uid, start, options: { drop_outliers: dropOutliers, ...(rowsAPage ? { paginate_rows_limit: Number(rowsAPage) } : {}) } },
      throwOnError: true,
    })).data,
    onSuccess: (task) => {
      void forget.tasks();
      onAdded(task);
    },
  });
  const noColumn = !dataset.data.text_column;
  const badLimit = rowsAPage !== '' && !(Number(rowsAPage) >= 1 && Number(rowsAPage) <= 5000);
  const noModel = route.data?.length === 0;
  const blocked = noColumn ? t('columnFirst') : noModel ? t('noModel') : badLimit ? t('limitWrong') : undefined;

  return (
    <section aria-labelledby="add-title" className="grid gap-4 p-(--gutter)">
      <header>
        <h2 id="add-title" className="text-sm">{t('title')}</h2>
        <p className="text-xs text-muted-foreground">{t('rows', { count: dataset.data.row_count })}</p>
      </header>
      <div>
        <h3 className="mb-1 text-xs font-normal text-muted-foreground">{t('models')}</h3>
        {route.isPending && <Skeleton className="h-11" />}
        {route.error && <ProblemAlert problem={route.error} onRetry={() => void route.refetch()} />}
        <ol>{route.data?.map((model, index) => <Model key={model.uid} model={model} first={index === 0} />)}</ol>
        {noModel && <p className="py-2">{t('noModel')}</p>}
      </div>
      <details className="group">
        <summary className="cursor-pointer rounded-sm text-xs text-muted-foreground hover:text-foreground">{t('options')}</summary>
        <div className="mt-3 grid gap-3">
          <Field label={t('rowsAPage')} hint={t('rowsAPageHint', { limit: route.data?.[0]?.paginate_rows_limit ?? 500 })} error={badLimit ? t('limitWrong') : undefined}>
            {(field) => <Input {...field} inputMode="numeric" value={rowsAPage} placeholder={String(route.data?.[0]?.paginate_rows_limit ?? 500)} onChange={(event) => setRowsAPage(event.target.value.replace(/\D/g, ''))} />}
          </Field>
          <label className="flex cursor-pointer items-start gap-2"><input type="checkbox" className="mt-0.5 size-4 accent-foreground" checked={dropOutliers} onChange={(event) => setDropOutliers(event.target.checked)} /><span>{t('dropOutliers')}<span className="block text-xs text-muted-foreground">{t('dropOutliersHint')}</span></span></label>
        </div>
      </details>
      {add.error && <ProblemAlert problem={add.error} />}
      <div className="grid gap-2">
        <Button variant="primary" disabled={add.isPending || Boolean(blocked)} title={blocked} onClick={() => add.mutate(true)}>{t('addAndStart')}</Button>
        <Button disabled={add.isPending || Boolean(blocked)} title={blocked} onClick={() => add.mutate(false)}>{t('addOnly')}</Button>
        {blocked && <p className="text-xs text-muted-foreground">{blocked}</p>}
      </div>
    </section>
  );
}

function Model({ model, first }: { model: ModelSnapshot; first: boolean }) {
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
