'use client';

import { BookOpen } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { Dialog } from 'radix-ui';
import { Button } from '@/components/ui/button';
import { CloseButton, Sheet } from '@/components/ui/dialog';
import { useAnalysis } from './queries';

const FIGURES = ['posts', 'coverage', 'negative', 'net', 'high', 'engagement', 'change'] as const;
const CHARTS = ['time', 'spikes', 'hours', 'users', 'critical', 'responses'] as const;
const WHOLE = {};

/** What each figure counts (docs/kpis.md in short), and what this dataset does not allow. */
export function Definitions({ file }: { file: string }) {
  const t = useTranslations('definitions'), analysis = useTranslations('analysis');
  const unavailable = useAnalysis(file, WHOLE).data?.unavailable ?? [];
  const parts = [{ name: t('figures'), entries: FIGURES }, { name: t('charts'), entries: CHARTS }];
  return (
    <Dialog.Root>
      <Dialog.Trigger asChild><Button size="sm" className="max-md:w-8 max-md:px-0" aria-label={analysis('definitions')}><BookOpen aria-hidden /><span className="max-lg:hidden">{analysis('definitions')}</span></Button></Dialog.Trigger>
      <Sheet side="right" label={t('title')} className="w-[448px] max-w-[94vw]">
        <header className="flex items-start gap-2 border-b py-3 pr-3 pl-5">
          <div className="min-w-0 flex-1"><p aria-hidden className="text-lg font-semibold tracking-tight">{t('title')}</p><p className="text-xs text-muted-foreground">{t('text')}</p></div>
          <Dialog.Close asChild><CloseButton /></Dialog.Close>
        </header>
        <div className="relative min-h-0 flex-1 overflow-y-auto px-5 pb-6 focus-visible:-outline-offset-2" tabIndex={0} role="region" aria-label={t('title')}>
          {unavailable.length > 0 && (
            <Part name={t('unavailable')}>
              {unavailable.map(({ name, reason }) => <Entry key={name} name={<span className="font-mono text-xs">{name}</span>} text={reason} />)}
            </Part>
          )}
          {parts.map(({ name, entries }) => <Part key={name} name={name}>{entries.map((one) => <Entry key={one} name={t(`of.${one}.name`)} text={t(`of.${one}.text`)} />)}</Part>)}
        </div>
      </Sheet>
    </Dialog.Root>
  );
}

function Part({ name, children }: { name: string; children: React.ReactNode }) {
  return <section aria-label={name}><h3 className="pt-4 pb-1 text-xs font-normal text-muted-foreground">{name}</h3><dl>{children}</dl></section>;
}

function Entry({ name, text }: { name: React.ReactNode; text: string }) {
  return <div className="border-b py-2 last:border-b-0"><dt className="font-medium">{name}</dt><dd className="text-muted-foreground">{text}</dd></div>;
}
