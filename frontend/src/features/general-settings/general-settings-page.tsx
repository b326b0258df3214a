'use client';

import { useTranslations } from 'next-intl';
import { useState, type ReactNode } from 'react';
import { toast } from 'sonner';
import { BothChanged } from '@/components/both-changed';
import { PageHeader } from '@/components/page-header';
import { PageTabs } from '@/components/page-tabs';
import { ProblemAlert } from '@/components/problem-alert';
import { SaveBar } from '@/components/save-bar';
import { SavingProblem } from '@/components/saving-problem';
import { Field as Labelled, Input, Textarea } from '@/components/ui/field';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import { Switch } from '@/components/ui/switch';
import { isStale } from '@/lib/api/problem';
import { useKept } from '@/lib/kept';
import { useProblemText } from '@/lib/problem-text';
import { FIELDS, fieldsOf, rebase, requestOf, write, wrongOf, type Draft, type Field, type Fields } from './draft';
import { useGeneral, useGeneralStore, type Revision } from './queries';
import { TimeZoneField } from './time-zone-field';

/** What holds for the whole platform. */
export function GeneralSettingsPage() {
  const t = useTranslations('general');
  const general = useGeneral();
  return (
    <>
      <PageHeader title={t('title')} />
      <PageTabs place="settings" />
      {general.error && <div className="gutter max-w-[760px] py-6"><ProblemAlert problem={general.error} onRetry={() => void general.refetch()} /></div>}
      {general.isPending && <div className="gutter grid max-w-[760px] gap-4 py-6">{[0, 1, 2, 3].map((row) => <Skeleton key={row} className="h-14" />)}</div>}
      {general.data && <Settings {...general.data} />}
    </>
  );
}

function Settings({ settings, etag }: Revision) {
  const t = useTranslations('general'), saving = useTranslations('saving');
  const problemText = useProblemText();
  const store = useGeneralStore();
  const base = fieldsOf(settings);
  const [{ draft = {}, of }, keep] = useKept<{ draft?: Draft; of?: string }>('settings', {});
  // A draft that outlived a reload while somebody else saved: each of its fields is a choice.
  const [conflicts, setConflicts] = useState<Field[]>(() => (of === undefined || of === etag ? [] : FIELDS.filter((field) => draft[field] !== undefined && draft[field] !== base[field])));
  const setDraft = (next: Draft, to = etag) => keep(Object.keys(next).length > 0 ? { draft: next, of: to } : {});
  const [problem, setProblem] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const values: Fields = { ...base, ...draft };
  const dirty = FIELDS.filter((field) => draft[field] !== undefined), wrong = wrongOf(values);
  const settle = (field: Field) => setConflicts((before) => before.filter((one) => one !== field));
  const change = <F extends Field>(field: F, value: Fields[F]) => keep(({ draft: before = {} }) => { const next = write(base, before, field, value); return Object.keys(next).length > 0 ? { draft: next, of: etag } : {}; });

  const undo = async ({ etag: saved }: Revision, back: Draft) => {
    try {
      await store.save(saved, requestOf(back));
      toast(t('undone'));
    } catch (refusal) {
      const { title, detail } = problemText(refusal);
      toast.error(title, { description: detail });
    }
  };
  const save = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const revision = await store.save(etag, requestOf(draft));
      const back: Draft = Object.fromEntries(dirty.map((field) => [field, base[field]]));
      setDraft({});
      setConflicts([]);
      toast(t('saved'), { action: { label: saving('undo'), onClick: () => void undo(revision, back) } });
    } catch (refusal) {
      setProblem(refusal);
      if (isStale(refusal)) {
        const now = await store.readAgain().catch(() => null);
        if (now) {
          const result = rebase(base, fieldsOf(now.settings), draft);
          setDraft(result.draft, now.etag);
          setConflicts(result.conflicts);
        }
      }
    } finally {
      setBusy(false);
    }
  };
  const discard = () => { setDraft({}); setConflicts([]); setProblem(null); };
  const shown = (field: Field, value: Fields[Field]) => (field === 'registration' ? t(`registrations.${value as 'open'}`) : field === 'isMaintenance' ? t(value ? 'on' : 'off') : String(value) || t('empty'));
  const conflict = (field: Field) => conflicts.includes(field) && (
    <BothChanged field={t(`fields.${field}`)} theirs={shown(field, base[field])} yours={shown(field, values[field])} onTheirs={() => { change(field, base[field]); settle(field); }} onYours={() => settle(field)} />
  );

  return (
    <>
      <div className="max-w-[760px] flex-1">
        {problem !== null && <div className="gutter pt-4"><SavingProblem problem={problem} hasConflicts={conflicts.length > 0} /></div>}
        <Part title={t('identity')} text={t('identityText')}>
          <Labelled label={t('fields.appName')} hint={t('appNameHint')} error={wrong.has('appName') ? t('appNameWrong') : undefined}>{(field) => <Input {...field} value={values.appName} maxLength={60} onChange={(event) => change('appName', event.target.value)} />}</Labelled>
          {conflict('appName')}
          <Labelled label={t('fields.appDescription')} error={wrong.has('appDescription') ? t('appDescriptionWrong') : undefined}>{(field) => <Textarea {...field} rows={2} value={values.appDescription} maxLength={500} onChange={(event) => change('appDescription', event.target.value)} />}</Labelled>
          {conflict('appDescription')}
        </Part>
        <Part title={t('time')} text={t('timeText')}>
          <Labelled label={t('fields.timeZone')} hint={t('timeZoneHint')}>{(field) => <TimeZoneField field={field} label={t('fields.timeZone')} value={values.timeZone} onChange={(zone) => change('timeZone', zone)} />}</Labelled>
          {conflict('timeZone')}
        </Part>
        <Part title={t('fields.registration')} text={t('registrationText')}>
          <div><Segmented label={t('fields.registration')} value={values.registration} onChange={(registration) => change('registration', registration)} options={(['open', 'closed'] as const).map((value) => ({ value, label: t(`registrations.${value}`) }))} /></div>
          <p className="text-muted-foreground">{t(`registrationMeans.${values.registration}`)}</p>
          {conflict('registration')}
        </Part>
        <Part title={t('log')} text={t('logText')}>
          <Labelled label={t('fields.logRetentionDays')} hint={t('daysHint')} error={wrong.has('logRetentionDays') ? t('daysWrong') : undefined}>{(field) => <Input {...field} inputMode="numeric" className="max-w-40" value={values.logRetentionDays} onChange={(event) => change('logRetentionDays', event.target.value)} />}</Labelled>
          {Number(values.logRetentionDays) < settings.logRetentionDays && !wrong.has('logRetentionDays') && <p className="rounded-lg bg-status-paused-surface px-3 py-2.5">{t('daysFewer', { days: Number(values.logRetentionDays) })}</p>}
          {conflict('logRetentionDays')}
        </Part>
        <Part title={t('fields.isMaintenance')} text={t('maintenanceText')}>
          <label className="flex w-fit cursor-pointer items-center gap-3"><Switch checked={values.isMaintenance} onCheckedChange={(on) => change('isMaintenance', on)} /><span>{t('maintenanceSwitch')}</span></label>
          {values.isMaintenance && <p className="rounded-lg bg-status-paused-surface px-3 py-2.5">{t(settings.isMaintenance ? 'maintenanceOn' : 'maintenanceWarning')}</p>}
          {conflict('isMaintenance')}
        </Part>
      </div>
      <SaveBar dirty={dirty.length > 0} busy={busy} save={t('save')} blocked={wrong.size > 0 ? t('mendFirst') : conflicts.length > 0 ? saving('chooseFirst') : undefined} onSave={() => void save()} onDiscard={discard}>
        <p><b className="font-medium">{t('changes', { count: dirty.length })}</b> <span className="text-muted-foreground">{dirty.map((field) => t(`fields.${field}`)).join(', ')}</span></p>
      </SaveBar>
    </>
  );
}

function Part({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <section aria-label={title} className="gutter grid gap-x-8 gap-y-4 border-b py-6 md:grid-cols-[220px_minmax(0,1fr)]">
      <header><h2 className="text-sm">{title}</h2><p className="mt-0.5 text-xs text-muted-foreground">{text}</p></header>
      <div className="grid content-start gap-4">{children}</div>
    </section>
  );
}
