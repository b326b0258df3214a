'use client';

import { Plus } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { parseAsString, useQueryState } from 'nuqs';
import { toast } from 'sonner';
import { PageHeader } from '@/components/page-header';
import { PageTabs } from '@/components/page-tabs';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import type { AiMode } from '@/lib/api/generated';
import { cn } from '@/lib/cn';
import { leave } from '@/lib/leaving';
import { ModelForm } from './model-form';
import { ModelList } from './model-list';
import { useChangePreferences, useModels, usePreferences } from './queries';

const MODES: AiMode[] = ['automatic', 'external', 'local'];

/** Which models label the posts, in which order, and how they are asked. */
export function AiSettingsPage() {
  const t = useTranslations('ai'), saving = useTranslations('saving');
  const [chosen, choose] = useQueryState('model', parseAsString);
  const models = useModels(), preferences = usePreferences();
  const change = useChangePreferences();
  const problem = models.error ?? preferences.error;
  const list = models.data?.items ?? [];
  const setMode = async (mode: AiMode, etag?: string) => (await change.mutateAsync({ preferences: { mode }, etag })).etag;
  const changeMode = (mode: AiMode) => {
    const before = preferences.data?.data.preferences.mode;
    if (!before || mode === before) return;
    // Whatever others did meanwhile, this is what is wanted now; taking it back is meant for nobody else's change.
    setMode(mode).then((etag) => toast(t('modeSaved', { mode: t(`modes.${mode}`) }), {
      action: { label: saving('undo'), onClick: () => { setMode(before, etag).then(() => toast(t('modeSaved', { mode: t(`modes.${before}`) })), () => {}); } },
    }), () => {});
  };
  const current = chosen === 'new' ? 'new' : list.find(({ uid }) => uid === chosen)?.uid;

  return (
    <>
      <PageHeader title={t('title')} actions={current !== 'new' && <Button size="sm" variant="primary" onClick={() => leave(() => void choose('new'))}><Plus aria-hidden />{t('add')}</Button>} />
      <PageTabs place="settings" />
      {problem && <div className="gutter max-w-[760px] py-6"><ProblemAlert problem={problem} onRetry={() => { void models.refetch(); void preferences.refetch(); }} /></div>}
      {!problem && (
        <div className={cn('grid flex-1 content-start', current && 'lg:grid-cols-[minmax(0,1fr)_420px] lg:content-stretch')}>
          <div className={cn('min-w-0', current && 'lg:border-r')}>
            <section aria-labelledby="mode-title" className="gutter grid gap-x-4 gap-y-2 border-b py-5 md:grid-cols-[auto_minmax(0,1fr)]">
              <h2 id="mode-title" className="text-sm leading-7">{t('mode')}</h2>
              <div>
                {preferences.data ? <Segmented label={t('mode')} value={preferences.data.data.preferences.mode} onChange={changeMode} options={MODES.map((mode) => ({ value: mode, label: t(`modes.${mode}`) }))} /> : <Skeleton className="h-7 w-64" />}
                <p className="mt-2 max-w-[640px] text-muted-foreground">{t(`modeText.${preferences.data?.data.preferences.mode ?? 'automatic'}`)}</p>
                {change.error && <ProblemAlert problem={change.error} className="mt-3" />}
              </div>
            </section>
            <section aria-labelledby="models-title">
              <header className="gutter flex flex-wrap items-baseline gap-x-3 border-b py-3"><h2 id="models-title" className="text-sm">{t('models')}</h2><p className="text-xs text-muted-foreground">{t('order')}</p></header>
              {models.isPending ? <div className="gutter grid gap-3 py-4"><Skeleton className="h-10" /><Skeleton className="h-10" /></div>
                : list.length === 0 ? <p className="gutter max-w-[640px] py-5 text-base text-muted-foreground">{t('none')}</p>
                  : <ModelList models={list} preferences={preferences.data?.data.preferences} current={current} onChoose={(id) => { if (id !== current) leave(() => void choose(id)); }} />}
            </section>
          </div>
          {current && <div className="min-w-0 max-lg:border-t"><ModelForm key={current} id={current === 'new' ? null : current} onDone={(id) => void choose(id)} /></div>}
        </div>
      )}
    </>
  );
}
