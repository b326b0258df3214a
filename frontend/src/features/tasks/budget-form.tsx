'use client';

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Field, Input } from '@/components/ui/field';
import { updateTask } from '@/lib/api/generated';
import { usePermission } from '@/lib/session';
import { keepTask } from '@/lib/task-queries';

/** The hard limit, also while it runs; a higher one lets a task go on that had reached it. */
export function BudgetForm({ id, limit }: { id: string; limit: string | null }) {
  const t = useTranslations('spend');
  const queries = useQueryClient();
  const may = usePermission('manage_tasks');
  const [text, setText] = useState(limit ?? '');
  const wrong = !/^(\d+([.,]\d+)?)?$/.test(text);
  const change = useMutation({
    mutationFn: async () => (await updateTask({ path: { task_id: id }, body: { budget: { max_cost: text ? text.replace(',', '.') : null } }, throwOnError: true })).data,
    onSuccess: (task) => keepTask(queries, task),
  });
  if (!may) return null;
  return (
    <form className="mt-3 grid gap-2" onSubmit={(event) => { event.preventDefault(); if (!wrong) change.mutate(); }}>
      <div className="flex items-start gap-2">
        <Field label={t('limitLabel')} error={wrong ? t('limitWrong') : undefined} className="flex-1">
          {(field) => <Input {...field} inputMode="decimal" placeholder={t('noLimit')} value={text} onChange={(event) => setText(event.target.value.trim())} />}
        </Field>
        <Button type="submit" disabled={wrong || change.isPending || text === (limit ?? '')} className="mt-[22px] max-md:h-10">{t('changeLimit')}</Button>
      </div>
      {change.error && <ProblemAlert problem={change.error} />}
    </form>
  );
}
