'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { CircleAlert, CircleCheck, Zap } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { useForm, useWatch, type Path } from 'react-hook-form';
import { toast } from 'sonner';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { CloseButton } from '@/components/ui/dialog';
import { Field, Input, Select } from '@/components/ui/field';
import { Skeleton } from '@/components/ui/skeleton';
import { createModel, deleteModel, updateModel, type ModelTest, type ModelView } from '@/lib/api/generated';
import { ApiProblem } from '@/lib/api/problem';
import { useFormat } from '@/lib/format';
import { fieldsOf, modelSchema, NEW_MODEL, requestOf, type ModelFields } from './model-schema';
import { useChangePreferences, useForgetModels, useModel, usePreferences, useTestModel } from './queries';

interface ModelFormProps { id: string | null; onDone: (id: string | null) => void }

export function ModelForm({ id, onDone }: ModelFormProps) {
  return id ? <Existing id={id} onDone={onDone} /> : <Form id={null} etag="" view={null} onDone={onDone} />;
}

function Existing({ id, onDone }: { id: string; onDone: ModelFormProps['onDone'] }) {
  const model = useModel(id);
  if (model.error) return <div className="p-(--gutter)"><ProblemAlert problem={model.error} onRetry={() => void model.refetch()} /></div>;
  if (!model.data) return <div className="grid gap-3 p-(--gutter)"><Skeleton className="h-8" /><Skeleton className="h-64" /></div>;
  return <Form key={model.data.etag} id={id} etag={model.data.etag} view={model.data.model.data} onDone={onDone} />;
}

const PLACES: Partial<Record<string, Path<ModelFields>>> = { '/model': 'model', '/baseUrl': 'baseUrl', '/apiKey': 'apiKey', '/paginateRowsLimit': 'paginateRowsLimit', '/concurrency': 'concurrency', '/retryRequests': 'retryRequests', '/kind': 'kind', '/provider': 'provider' };

function Form({ id, etag, view, onDone }: { id: string | null; etag: string; view: ModelView | null; onDone: ModelFormProps['onDone'] }) {
  const t = useTranslations('ai');
  const forget = useForgetModels();
  const preferences = usePreferences().data?.data.preferences;
  const prefer = useChangePreferences();
  const [problem, setProblem] = useState<unknown>(null);
  const [deleting, setDeleting] = useState(false);
  const { register, handleSubmit, control, setError, setValue, formState: { errors, isSubmitting, isDirty } } = useForm({ resolver: zodResolver(modelSchema), defaultValues: view ? fieldsOf(view) : NEW_MODEL });
  const provider = useWatch({ control, name: 'provider' });

  const submit = handleSubmit(async (fields) => {
    setProblem(null);
    try {
      const body = requestOf(fields);
      const { data } = id
        ? await updateModel({ path: { id }, headers: { 'If-Match': etag }, body, throwOnError: true })
        : await createModel({ body, throwOnError: true });
      await forget();
      toast(t(id ? 'saved' : 'added', { name: data.data.model }));
      onDone(data.uid);
    } catch (refusal) {
      const onFields = refusal instanceof ApiProblem ? refusal.errors.filter(({ pointer }) => PLACES[pointer]) : [];
      for (const { pointer, detail } of onFields) { const place = PLACES[pointer]; if (place) setError(place, { type: 'server', message: detail }); }
      if (refusal instanceof ApiProblem && refusal.code === 'url_not_allowed') setError('baseUrl', { type: 'server', message: refusal.message });
      else if (onFields.length === 0) setProblem(refusal);
    }
  });
  const remove = async () => {
    if (!id) return;
    await deleteModel({ path: { id }, headers: { 'If-Match': etag }, throwOnError: true });
    onDone(null);
    await forget();
  };
  const wrong = (field: keyof ModelFields, text: string) => { const error = errors[field]; return error && (error.type === 'server' && error.message ? error.message : text); };
  const isDefault = preferences && (preferences.default_external_model_id === id || preferences.default_local_model_id === id);

  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="grid gap-4 p-(--gutter)" aria-label={view?.model ?? t('newModel')}>
      <header className="flex items-center gap-2">
        <h2 className="mr-auto min-w-0 truncate text-lg tracking-tight">{view?.model ?? t('newModel')}</h2>
        <CloseButton onClick={() => onDone(null)} />
      </header>
      {id && <Test id={id} />}
      {problem !== null && <ProblemAlert problem={problem} />}
      <div className="grid grid-cols-2 gap-3">
        <Field label={t('kind')} error={wrong('kind', '')}>{(field) => <Select {...field} {...register('kind')}><option value="external">{t('external')}</option><option value="local">{t('local')}</option></Select>}</Field>
        <Field label={t('provider')} error={wrong('provider', '')}>
          {(field) => (
            <Select {...field} {...register('provider', { onChange: (event: { target: { value: string } }) => { if (!view && event.target.value === 'ollama') { setValue('kind', 'local'); setValue('baseUrl', 'http://127.0.0.1:11434'); } } })}>
              {(['openai', 'ollama', 'builtin'] as const).map((one) => <option key={one} value={one}>{t(`providers.${one}`)}</option>)}
            </Select>
          )}
        </Field>
      </div>
      <Field label={t('model')} hint={t('modelHint')} error={wrong('model', t('modelNeeded'))}>{(field) => <Input {...field} {...register('model')} spellCheck={false} />}</Field>
      {provider !== 'builtin' && (
        <>
          <Field label={t('baseUrl')} hint={t('baseUrlHint')} error={wrong('baseUrl', t('baseUrlWrong'))}>{(field) => <Input {...field} {...register('baseUrl')} inputMode="url" spellCheck={false} />}</Field>
          <Field label={t('apiKey')} hint={view?.has_key ? t('keyKept', { last4: view.last4 ?? '····' }) : t('keyHint')} error={wrong('apiKey', '')}>
            {(field) => <Input {...field} {...register('apiKey')} type="password" autoComplete="off" placeholder={view?.has_key ? `············${view.last4 ?? ''}` : ''} className="font-mono" />}
          </Field>
        </>
      )}
      <div className="grid grid-cols-3 gap-3">
        <Field label={t('rowsAPage')} hint="1–5000" error={wrong('paginateRowsLimit', '1–5000')}>{(field) => <Input {...field} {...register('paginateRowsLimit')} inputMode="numeric" />}</Field>
        <Field label={t('concurrency')} hint="1–64" error={wrong('concurrency', '1–64')}>{(field) => <Input {...field} {...register('concurrency')} inputMode="numeric" />}</Field>
        <Field label={t('retries')} hint="1–10" error={wrong('retryRequests', '1–10')}>{(field) => <Input {...field} {...register('retryRequests')} inputMode="numeric" />}</Field>
      </div>
      <div className="grid grid-cols-2 gap-3">
        <Field label={t('priceIn')} hint={t('perMillion')} error={wrong('input', t('priceWrong'))}>{(field) => <Input {...field} {...register('input')} inputMode="decimal" />}</Field>
        <Field label={t('priceOut')} hint={t('perMillion')} error={wrong('output', t('priceWrong'))}>{(field) => <Input {...field} {...register('output')} inputMode="decimal" />}</Field>
      </div>
      {prefer.error && <ProblemAlert problem={prefer.error} />}
      <footer className="flex flex-wrap items-center gap-2">
        {id && <Button variant="danger" onClick={() => setDeleting(true)}>{t('delete')}</Button>}
        {id && view && !isDefault && <Button disabled={prefer.isPending} onClick={() => prefer.mutate(view.kind === 'external' ? { default_external_model_id: id } : { default_local_model_id: id })}>{t('askFirst')}</Button>}
        {id && view && isDefault && <Button disabled={prefer.isPending} onClick={() => prefer.mutate(view.kind === 'external' ? { default_external_model_id: null } : { default_local_model_id: null })}>{t('notFirst')}</Button>}
        <Button type="submit" className="ml-auto" variant={id ? 'default' : 'primary'} disabled={isSubmitting || (Boolean(id) && !isDirty)}>{id ? t('save') : t('addModel')}</Button>
      </footer>
      {id && view && (
        <ConfirmDialog open={deleting} onOpenChange={setDeleting} title={t('deleteTitle', { name: view.model })} description={t('deleteText')} keep={t('keep')} action={t('delete')} onConfirm={remove} />
      )}
    </form>
  );
}

function Test({ id }: { id: string }) {
  const t = useTranslations('ai');
  const test = useTestModel(id);
  return (
    <div className="grid gap-3">
      <div><Button size="sm" disabled={test.isPending} onClick={() => test.mutate()}><Zap aria-hidden />{test.isPending ? t('testing') : t('test')}</Button> <span className="ml-1 text-xs text-muted-foreground">{t('testHint')}</span></div>
      {test.error && <ProblemAlert problem={test.error} />}
      {test.data && <Outcome test={test.data} />}
    </div>
  );
}

function Outcome({ test }: { test: ModelTest }) {
  const t = useTranslations('ai');
  const format = useFormat();
  const Icon = test.ok ? CircleCheck : CircleAlert;
  const facts = [t('latency', { ms: test.latency_ms }), test.usage && t('tokens', { input: test.usage.prompt_tokens, output: test.usage.completion_tokens }), test.cost != null && format.money(test.cost)].filter(Boolean).join(', ');
  return (
    <div role="status" className="flex gap-3 rounded-lg border px-4 py-3">
      <Icon aria-hidden className={test.ok ? 'mt-0.5 size-4 shrink-0 text-status-done' : 'mt-0.5 size-4 shrink-0 text-status-failed'} />
      <p className="min-w-0 break-words"><b className="font-medium">{test.ok ? t('works') : t('fails')}</b> {test.error && <>{test.error.detail} (<span className="font-mono text-xs">{test.error.code}</span>) </>}<span className="text-muted-foreground">{facts}</span></p>
    </div>
  );
}
