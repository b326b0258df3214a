'use client';

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Check } from 'lucide-react';
import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Field, Select } from '@/components/ui/field';
import { updateFile, type Dialect, type FileChange, type ResourceFileData } from '@/lib/api/generated';
import { getFileQueryKey } from '@/lib/api/generated/@tanstack/react-query.gen';
import { cn } from '@/lib/cn';
import { useForgetLists } from '@/lib/task-queries';

const ENCODINGS = { 'utf-8': 'UTF-8', 'windows-1252': 'Windows-1252', 'utf-16le': 'UTF-16 LE', 'utf-16be': 'UTF-16 BE' };
const DELIMITERS = [',', ';', '\t', '|'] as const;
const QUOTES = ['"', "'"];

interface DialectFormProps {
  dataset: ResourceFileData;
  /** How it was read at first; what differs says so. */
  detected: Dialect;
  onChanged: (dataset: ResourceFileData) => void;
}

/** How the bytes are read. Each change has the server read the whole file again. */
export function DialectForm({ dataset, detected, onChanged }: DialectFormProps) {
  const t = useTranslations('dialect');
  const queries = useQueryClient();
  const forget = useForgetLists();
  const { data } = dataset;
  const change = useMutation({
    mutationFn: async (body: FileChange) => (await updateFile({ path: { id: dataset.uid }, body, throwOnError: true })).data,
    onSuccess: (file) => {
      queries.setQueryData(getFileQueryKey({ path: { id: file.uid } }), file);
      void forget.files();
      onChanged(file);
    },
  });
  const turn = (part: Partial<Dialect>) => change.mutate({ dialect: { ...data.dialect, ...part } });
  const names: Record<string, string> = { ',': t('comma'), ';': t('semicolon'), '\t': t('tab'), '|': t('pipe') };
  const same = (Object.keys(detected) as (keyof Dialect)[]).every((key) => detected[key] === data.dialect[key]);

  const origin = (key: keyof Dialect, before: string): ReactNode => (detected[key] === data.dialect[key]
    ? <span className="flex items-center gap-1.5"><Check aria-hidden className="size-3.5" />{t('detected')}</span>
    : t('changedFrom', { before }));
  const edge = (key: keyof Dialect) => cn(detected[key] !== data.dialect[key] && 'border-foreground');

  return (
    <section aria-labelledby="dialect-title" className="gutter border-b py-4">
      <header className="mb-3 flex items-start gap-3">
        <div className="min-w-0 flex-1">
          <h2 id="dialect-title" className="text-sm break-words">{t('title', { name: data.filename })}</h2>
          <p className="text-xs text-muted-foreground">
            {t('counts', { rows: data.row_count, columns: data.columns.length })} {data.rejected_rows > 0 && t('rejected', { count: data.rejected_rows })}
          </p>
        </div>
        {!same && <Button variant="quiet" size="xs" disabled={change.isPending} onClick={() => turn(detected)}>{t('reset')}</Button>}
      </header>
      {change.error && <ProblemAlert problem={change.error} className="mb-3" />}
      <fieldset disabled={change.isPending} aria-busy={change.isPending} className="grid grid-cols-2 gap-3 md:grid-cols-5">
        <Field label={t('encoding')} hint={origin('encoding', ENCODINGS[detected.encoding as 'utf-8'] ?? detected.encoding)}>
          {(field) => <Select {...field} className={edge('encoding')} value={data.dialect.encoding} onChange={(event) => turn({ encoding: event.target.value })}>{Object.entries(ENCODINGS).map(([value, name]) => <option key={value} value={value}>{name}</option>)}</Select>}
        </Field>
        <Field label={t('delimiter')} hint={origin('delimiter', names[detected.delimiter] ?? detected.delimiter)}>
          {(field) => <Select {...field} className={edge('delimiter')} value={data.dialect.delimiter} onChange={(event) => turn({ delimiter: event.target.value })}>{DELIMITERS.map((value) => <option key={value} value={value}>{names[value]}</option>)}</Select>}
        </Field>
        <Field label={t('quote')} hint={origin('quote', detected.quote)}>
          {(field) => <Select {...field} className={edge('quote')} value={data.dialect.quote} onChange={(event) => turn({ quote: event.target.value })}>{[...new Set([...QUOTES, data.dialect.quote])].map((value) => <option key={value} value={value}>{value}</option>)}</Select>}
        </Field>
        <Field label={t('header')} hint={origin('has_header', detected.has_header ? t('firstRow') : t('none'))}>
          {(field) => <Select {...field} className={edge('has_header')} value={String(data.dialect.has_header)} onChange={(event) => turn({ has_header: event.target.value === 'true' })}><option value="true">{t('firstRow')}</option><option value="false">{t('none')}</option></Select>}
        </Field>
        <Field label={t('textColumn')} hint={data.text_column ? t('textColumnHint') : undefined} error={data.text_column ? undefined : t('textColumnNeeded')}>
          {(field) => (
            <Select {...field} value={data.text_column ?? ''} onChange={(event) => change.mutate({ text_column: event.target.value })}>
              {!data.text_column && <option value="" disabled>{t('choose')}</option>}
              {data.columns.map((column) => <option key={column} value={column}>{column}</option>)}
            </Select>
          )}
        </Field>
      </fieldset>
      {(data.warnings?.length ?? 0) > 0 && <ul className="mt-3 grid gap-1 text-xs text-muted-foreground">{data.warnings?.map((warning) => <li key={warning}>{warning}</li>)}</ul>}
    </section>
  );
}
