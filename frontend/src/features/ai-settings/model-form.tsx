'use client';

import { zodResolver } from '@hookform/resolvers/zod';
import { CircleAlert, CircleCheck, Zap } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useMemo, useState } from 'react';
import { useForm, useWatch, type Path } from 'react-hook-form';
import { toast } from 'sonner';
import { BothChanged } from '@/components/both-changed';
import { ConfirmDialog } from '@/components/confirm-dialog';
import { ProblemAlert } from '@/components/problem-alert';
import { HoldLeaving } from '@/components/save-bar';
import { SavingProblem } from '@/components/saving-problem';
import { Button } from '@/components/ui/button';
import { CloseButton } from '@/components/ui/dialog';
import { Field, Input, Select } from '@/components/ui/field';
import { Skeleton } from '@/components/ui/skeleton';
import { createModel, deleteModel, updateModel, type ModelInputWritable, type ModelTest, type ModelView } from '@/lib/api/generated';
import { ApiProblem, isStale } from '@/lib/api/problem';
import { useFormat } from '@/lib/format';
import { leave } from '@/lib/leaving';
import { useProblemText } from '@/lib/problem-text';
import { useRevised } from '@/lib/revised-form';
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
  return <Form id={id} etag={model.data.etag} view={model.data.model.data} onDone={onDone} />;
}

const PLACES: Partial<Record<string, Path<ModelFields>>> = { '/model': 'model', '/baseUrl': 'baseUrl', '/apiKey': 'apiKey', '/paginateRowsLimit': 'paginateRowsLimit', '/concurrency': 'concurrency', '/retryRequests': 'retryRequests', '/kind': 'kind', '/provider': 'provider' };

const WORDS = { kind: 'kind', provider: 'provider', model: 'model', baseUrl: 'baseUrl', apiKey: 'apiKey', paginateRowsLimit: 'rowsAPage', concurrency: 'concurrency', retryRequests: 'retries', input: 'priceIn', output: 'priceOut' } as const satisfies Record<keyof ModelFields, string>;

function Form({ id, etag, view, onDone }: { id: string | null; etag: string; view: ModelView | null; onDone: ModelFormProps['onDone'] }) {
  const t = useTranslations('ai'), saving = useTranslations('saving');
  const problemText = useProblemText();
  const forget = useForgetModels();
  const preferences = usePreferences().data?.data.preferences;
  const prefer = useChangePreferences();
  const [problem, setProblem] = useState<unknown>(null);
  const [deleting, setDeleting] = useState(false);
  const now = useMemo(() => (view ? fieldsOf(view) : NEW_MODEL), [view]);
  const form = useForm({ resolver: zodResolver(modelSchema), defaultValues: now });
  const { register, handleSubmit, control, setError, setValue, getValues, reset, resetField, formState: { errors, isSubmitting, isDirty, dirtyFields } } = form;
  const provider = useWatch({ control, name: 'provider' });
  // Of a key its end is known.
  const theirs = useMemo(() => ({ ...now, apiKey: view?.last4 ?? '' }), [now, view]);
  const { conflicts, keepYours } = useRevised(form, now, theirs);

  const undo = async (uid: string, revision: string, body: ModelInputWritable) => {
    try {
      await updateModel({ path: { id: uid }, headers: { 'If-Match': revision }, body, throwOnError: true });
      toast(t('undone', { name: body.model ?? '' }));
    } catch (refusal) {
      const { title, detail } = problemText(refusal);
      toast.error(title, { description: detail });
    }
    await forget();
  };
  const submit = handleSubmit(async (fields) => {
    setProblem(null);
    try {
      const body = requestOf(fields);
      const { data, response } = id
        ? await updateModel({ path: { id }, headers: { 'If-Match': etag }, body, throwOnError: true })
        : await createModel({ body, throwOnError: true });
      // A key can't be given back, and another origin needs one.
      const back = id && !dirtyFields.apiKey && !dirtyFields.baseUrl && !dirtyFields.provider ? requestOf(now) : null;
      const revision = response.headers.get('etag') ?? '*';
      reset(fieldsOf(data.data));
      await forget();
      toast(t(id ? 'saved' : 'added', { name: data.data.model }), back ? { action: { label: saving('undo'), onClick: () => void undo(data.uid, revision, back) } } : {});
      onDone(data.uid);
    } catch (refusal) {
      const onFields = refusal instanceof ApiProblem ? refusal.errors.filter(({ pointer }) => PLACES[pointer]) : [];
      for (const { pointer, detail } of onFields) { const place = PLACES[pointer]; if (place) setError(place, { type: 'server', message: detail }); }
      if (refusal instanceof ApiProblem && refusal.code === 'url_not_allowed') setError('baseUrl', { type: 'server', message: refusal.message });
      else if (onFields.length === 0) setProblem(refusal);
      if (isStale(refusal)) await forget();
    }
  });
  const remove = async () => {
    if (!id) return;
    await deleteModel({ path: { id }, headers: { 'If-Match': etag }, throwOnError: true });
    onDone(null);
    await forget();
  };
  const conflict = (field: keyof ModelFields) => conflicts.includes(field) && (
    <BothChanged field={t(WORDS[field])} theirs={shown(field, theirs[field])} yours={shown(field, getValues(field))} onTheirs={() => resetField(field)} onYours={() => keepYours(field)} />
  );
  const shown = (field: keyof ModelFields, value: string) => {
    if (field === 'kind') return t(value as ModelFields['kind']);
    if (field === 'provider') return t(`providers.${value as ModelFields['provider']}`);
    return field === 'apiKey' && value ? `····${value.slice(-4)}` : value || '–';
  };
  const wrong = (field: keyof ModelFields, text: string) => { const error = errors[field]; return error && (error.type === 'server' && error.message ? error.message : text); };
  const isDefault = preferences && (preferences.default_external_model_id === id || preferences.default_local_model_id === id);

  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="grid gap-4 p-(--gutter)" aria-label={view?.model ?? t('newModel')}>
      <header className="flex items-center gap-2">
        <h2 className="mr-auto min-w-0 truncate text-lg tracking-tight">{view?.model ?? t('newModel')}</h2>
        <CloseButton onClick={() => leave(() => onDone(null))} />
      </header>
      {id && <Test id={id} />}
      {problem !== null && <SavingProblem problem={problem} hasConflicts={conflicts.length > 0} />}
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
      {conflict('kind')}
      {conflict('provider')}
      <Field label={t('model')} hint={t('modelHint')} error={wrong('model', t('modelNeeded'))}>{(field) => <Input {...field} {...register('model')} spellCheck={false} />}</Field>
      {conflict('model')}
      {provider !== 'builtin' && (
        <>
          <Field label={t('baseUrl')} hint={t('baseUrlHint')} error={wrong('baseUrl', t('baseUrlWrong'))}>{(field) => <Input {...field} {...register('baseUrl')} inputMode="url" spellCheck={false} />}</Field>
          {conflict('baseUrl')}
          <Field label={t('apiKey')} hint={view?.has_key ? t('keyKept', { last4: view.last4 ?? '····' }) : t('keyHint')} error={wrong('apiKey', '')}>
            {(field) => <Input {...field} {...register('apiKey')} type="password" autoComplete="off" placeholder={view?.has_key ? `············${view.last4 ?? ''}` : ''} className="font-mono" />}
          </Field>
          {conflict('apiKey')}
        </>
      )}
      <div className="grid grid-cols-3 gap-3">
        <Field label={t('rowsAPage')} hint="1–5000" error={wrong('paginateRowsLimit', '1–5000')}>{(field) => <Input {...field} {...register('paginateRowsLimit')} inputMode="numeric" />}</Field>
        <Field label={t('concurrency')} hint="1–64" error={wrong('concurrency', '1–64')}>{(field) => <Input {...field} {...register('concurrency')} inputMode="numeric" />}</Field>
        <Field label={t('retries')} hint="1–10" error={wrong('retryRequests', '1–10')}>{(field) => <Input {...field} {...register('retryRequests')} inputMode="numeric" />}</Field>
      </div>
      {conflict('paginateRowsLimit')}
      {conflict('concurrency')}
      {conflict('retryRequests')}
      <div className="grid grid-cols-2 gap-3">
        <Field label={t('priceIn')} hint={t('perMillion')} error={wrong('input', t('priceWrong'))}>{(field) => <Input {...field} {...register('input')} inputMode="decimal" />}</Field>
        <Field label={t('priceOut')} hint={t('perMillion')} error={wrong('output', t('priceWrong'))}>{(field) => <Input {...field} {...register('output')} inputMode="decimal" />}</Field>
      </div>
      {conflict('input')}
      {conflict('output')}
      {prefer.error && <ProblemAlert problem={prefer.error} />}
      <footer className="flex flex-wrap items-center gap-2">
        {id && <Button variant="danger" onClick={() => setDeleting(true)}>{t('delete')}</Button>}
        {id && view && !isDefault && <Button disabled={prefer.isPending} onClick={() => prefer.mutate({ preferences: view.kind === 'external' ? { default_external_model_id: id } : { default_local_model_id: id } })}>{t('askFirst')}</Button>}
        {id && view && isDefault && <Button disabled={prefer.isPending} onClick={() => prefer.mutate({ preferences: view.kind === 'external' ? { default_external_model_id: null } : { default_local_model_id: null } })}>{t('notFirst')}</Button>}
        <span className="ml-auto flex items-center gap-2">
          {id && isDirty && <><span role="status" className="text-xs text-muted-foreground">{saving('unsaved')}</span><Button variant="ghost" disabled={isSubmitting} onClick={() => { reset(now); setProblem(null); }}>{saving('discard')}</Button></>}
          <Button type="submit" variant={id ? 'default' : 'primary'} disabled={isSubmitting || (Boolean(id) && !isDirty) || conflicts.length > 0} title={conflicts.length > 0 ? saving('chooseFirst') : undefined}>{id ? t('save') : t('addModel')}</Button>
        </span>
      </footer>
      <HoldLeaving dirty={isDirty && !isSubmitting} onDiscard={() => reset(now)} />
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
