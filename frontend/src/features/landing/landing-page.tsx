'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { PriorityLabel, SentimentLabel, type Priority, type Sentiment } from '@/components/labels';
import { Button } from '@/components/ui/button';
import { usePlatform } from '@/lib/platform';
import { SiteHeader } from './site-header';

/** Made-up posts in the two languages of the sample. */
const POSTS: { text: string; lang: 'fr' | 'en'; sentiment: Sentiment; priority: Priority; topic: 'outage' | 'mobile' | 'billing' | 'delivery' }[] = [
  { text: 'Troisième jour sans internet, le technicien n’est pas venu et le conseiller raccroche.', lang: 'fr', sentiment: 'negative', priority: 2, topic: 'outage' },
  { text: 'Comment activer la 5G sur ma deuxième SIM ?', lang: 'fr', sentiment: 'neutral', priority: 0, topic: 'mobile' },
  { text: 'Charged twice again this month. Please just refund me.', lang: 'en', sentiment: 'negative', priority: 2, topic: 'billing' },
  { text: 'Box bloquée au démarrage depuis la mise à jour de cette nuit.', lang: 'fr', sentiment: 'negative', priority: 2, topic: 'outage' },
  { text: 'Parcel arrived in two days, easy to install, nothing to add.', lang: 'en', sentiment: 'positive', priority: 0, topic: 'delivery' },
];

export function LandingPage() {
  const t = useTranslations('landing');
  const { appName, registration } = usePlatform();
  return (
    <div className="mx-auto max-w-[1200px] px-4 md:px-8">
      <SiteHeader />
      <main>
        <section className="grid items-end gap-x-16 gap-y-10 py-8 lg:grid-cols-[minmax(0,5fr)_minmax(0,6fr)] lg:py-14">
          <div>
            <h1 className="text-[44px] leading-[48px] font-semibold tracking-[-0.028em] text-balance max-md:text-[32px] max-md:leading-9">{t('title')}</h1>
            <p className="mt-4 mb-6 max-w-[440px] text-lg leading-[26px] text-pretty text-muted-foreground">{t('lead')}</p>
            <div className="flex flex-wrap gap-2">
              <Button asChild variant="primary" size="lg"><Link href="/auth" prefetch={false}>{t('signIn')}</Link></Button>
              {registration === 'open' && <Button asChild size="lg"><Link href="/auth?tab=register" prefetch={false}>{t('register')}</Link></Button>}
            </div>
          </div>
          <table className="border-t border-foreground [&_td]:border-b [&_td]:py-2.5 [&_td]:pr-4 [&_td]:align-top [&_td:last-child]:pr-0 [&_th]:border-b [&_th]:py-2 [&_th]:pr-4 [&_th]:text-xs [&_th]:text-muted-foreground">
            <caption className="sr-only">{t('example')}</caption>
            <thead><tr><th scope="col">{t('post')}</th><th scope="col">{t('sentiment')}</th><th scope="col">{t('priority')}</th><th scope="col" className="max-md:hidden">{t('topic')}</th></tr></thead>
            <tbody>
              {POSTS.map((post) => (
                <tr key={post.text}>
                  <td lang={post.lang} className="text-pretty">{post.text}</td>
                  <td><SentimentLabel sentiment={post.sentiment} className="leading-5" /></td>
                  <td><PriorityLabel priority={post.priority} className="leading-5" /></td>
                  <td className="whitespace-nowrap max-md:hidden">{t(`topics.${post.topic}`)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        <section aria-label={t('shots')} className="shadow-popover overflow-hidden rounded-lg border">
          {/* eslint-disable-next-line @next/next/no-img-element -- an export has no image server */}
          <img className="block h-auto w-full dark:hidden" src="/shots/analysis-light.png" width={1440} height={900} alt={t('shotAlt')} />
          {/* eslint-disable-next-line @next/next/no-img-element */}
          <img className="hidden h-auto w-full dark:block" src="/shots/analysis-dark.png" width={1440} height={900} alt={t('shotAlt')} loading="lazy" />
        </section>
        <section className="mt-14 grid border-y md:grid-cols-3">
          {(['upload', 'label', 'decide'] as const).map((step) => (
            <div key={step} className="py-5 md:px-6 md:not-first:border-l md:first:pl-0 max-md:not-first:border-t">
              <h2 className="mb-1 text-base">{t(`steps.${step}.title`)}</h2>
              <p className="text-base text-pretty text-muted-foreground">{t(`steps.${step}.text`)}</p>
            </div>
          ))}
        </section>
      </main>
      <footer className="flex gap-5 pt-6 pb-10 text-muted-foreground"><span className="flex-1">{appName}</span><a className="link" href="/docs">{t('reference')}</a></footer>
    </div>
  );
}
