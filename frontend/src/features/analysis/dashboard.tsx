'use client';

import { useTranslations } from 'next-intl';
import { useDeferredValue } from 'react';
import { PRIORITIES, PriorityLabel, priorityName, SentimentLabel, SENTIMENTS, sentimentFills } from '@/components/labels';
import { ProblemAlert } from '@/components/problem-alert';
import { Skeleton } from '@/components/ui/skeleton';
import type { ResourceFileData } from '@/lib/api/generated';
import { cn } from '@/lib/cn';
import { FilterBar } from './filter-bar';
import { periodBefore, queryOf, useFilters, usePosts } from './filters';
import { HeatMap } from './heat-map';
import { KpiRow } from './kpi-row';
import { PostsPanel } from './posts-panel';
import { useAnalysis } from './queries';
import { useReason } from './reason';
import { ShareFrame, type Part } from './share-frame';
import { SheetLines, useLinesOf } from './sheet-lines';
import { CriticalPosts, EngagementBySentiment, PriorityBySentiment, ResponseRate, TopUsers } from './small-frames';
import { Summary } from './summary';
import { TimeChart } from './time-chart';
import { TopicsFrame } from './topics-frame';
import type { Analysis } from './types';

const WHOLE = {};
const priorityFills = { 2: 'fill-priority-high', 1: 'fill-priority-normal', 0: 'fill-priority-low' };

export function Dashboard({ file }: { file: ResourceFileData }) {
  const [filters] = useFilters();
  const query = queryOf(filters);
  const period = periodBefore(filters);
  const whole = useAnalysis(file.uid, WHOLE);
  const now = useAnalysis(file.uid, query);
  const before = useAnalysis(file.uid, period && queryOf({ ...filters, ...period }));
  const { behind, open, close } = usePosts();
  const name = file.data.filename;
  const linesOf = useLinesOf(name, whole.data);

  return (
    <SheetLines value={linesOf}>
      <FilterBar whole={whole.data} timeZone={now.data?.filters.tz} />
      {now.error && <div className="gutter max-w-[760px] py-6"><ProblemAlert problem={now.error} onRetry={() => void now.refetch()} /></div>}
      {now.isPending && !now.error && <Loading />}
      {now.data && (
        <div aria-busy={now.isPlaceholderData} className={cn('max-w-(--sheet-max) transition-opacity', now.isPlaceholderData && 'opacity-60')}>
          <Figures analysis={now.data} before={period ? before.data : undefined} file={file} name={name} behind={behind} open={open} />
        </div>
      )}
      <PostsPanel file={file.uid} textColumn={file.data.text_column ?? 'full_text'} timeZone={now.data?.filters.tz ?? 'UTC'} query={behind && { ...query, ...behind }} onClose={close} />
    </SheetLines>
  );
}

interface FiguresProps { analysis: Analysis; before: Analysis | undefined; file: ResourceFileData; name: string; behind: ReturnType<typeof usePosts>['behind']; open: ReturnType<typeof usePosts>['open'] }

function Figures({ analysis, before, file, name, behind, open }: FiguresProps) {
  const t = useTranslations('charts');
  const words = useTranslations('sentiment'), levels = useTranslations('priority');
  const { kpis, series } = analysis;
  const why = useReason(analysis);
  const common = { analysis, file: name, onOpen: open };
  const share = (posts: number, labelled: number) => (labelled ? posts / labelled : null);
  const sentiments: Part[] = SENTIMENTS.map((one) => ({
    key: one, name: words(one), label: <SentimentLabel sentiment={one} />, posts: kpis[one], share: share(kpis[one], kpis.labelled), before: before ? share(before.kpis[one], before.kpis.labelled) : null,
    fill: sentimentFills[one], ...(one === 'negative' ? { worse: 'up' as const } : one === 'positive' ? { worse: 'down' as const } : {}), open: () => open({ sentiment: one }),
  }));
  const ofPriority = (answer: Analysis, priority: number) => answer.series.priority.find((one) => one.priority === priority)?.posts ?? 0;
  const priorities: Part[] = PRIORITIES.map((one) => ({
    key: String(one), name: levels(priorityName[one]), label: <PriorityLabel priority={one} />, posts: ofPriority(analysis, one), share: share(ofPriority(analysis, one), kpis.labelled), before: before ? share(ofPriority(before, one), before.kpis.labelled) : null,
    fill: priorityFills[one], ...(one === 2 ? { worse: 'up' as const } : {}), open: () => open({ priority: String(one) }),
  }));
  // What lies below the first screen is drawn after it.
  const isBelow = useDeferredValue(true, false);
  const labelledBefore = before?.kpis.labelled ?? null;

  return (
    <>
      <Summary now={analysis} before={before} onOpen={open} />
      <KpiRow now={analysis} before={before} onOpen={open} />
      <div className="sheet">
        <TimeChart {...common} unavailable={why('sentiment_over_time')} selected={behind} className="col-span-12 lg:col-span-8 print:col-span-8" />
        <div className="col-span-12 grid content-start gap-px bg-border! lg:col-span-4 print:col-span-4 [&>*]:bg-background">
          <ShareFrame pie title={t('sentimentShare')} file={name} labelled={kpis.labelled} before={labelledBefore} parts={sentiments} />
          <ShareFrame title={t('priority')} file={name} labelled={kpis.labelled} before={labelledBefore} parts={priorities} />
          <div className="min-h-0" />
        </div>
        {isBelow && (
          <>
            <TopicsFrame now={analysis} before={before} file={name} unavailable={why('topics')} onOpen={open} className="col-span-12 lg:col-span-6 print:col-span-6" />
            <HeatMap {...common} selected={behind} unavailable={why('hour_by_weekday')} className="col-span-12 lg:col-span-6 print:col-span-6" />
            <CriticalPosts analysis={analysis} file={name} textColumn={file.data.text_column ?? 'full_text'} onOpen={open} className="col-span-12 lg:col-span-8 print:col-span-8" />
            <TopUsers {...common} unavailable={why('top_users')} className="col-span-12 lg:col-span-4 print:col-span-4" />
            <PriorityBySentiment {...common} unavailable={why('priority_by_sentiment')} className="col-span-12 lg:col-span-4 print:col-span-4" />
            <EngagementBySentiment {...common} unavailable={why('engagement_by_sentiment')} className="col-span-12 lg:col-span-4 print:col-span-4" />
            <ResponseRate {...common} unavailable={why('response_rate')} className="col-span-12 lg:col-span-4 print:col-span-4" />
          </>
        )}
      </div>
      {series.sentiment_over_time.points.length > 0 && (kpis.undated ?? 0) > 0 && <p className="gutter py-3 text-xs text-muted-foreground">{t('undated', { count: kpis.undated ?? 0 })}</p>}
    </>
  );
}

function Loading() {
  return (
    <div aria-hidden>
      <div className="grid grid-cols-2 border-b md:grid-cols-3 lg:grid-cols-6">{[0, 1, 2, 3, 4, 5].map((tile) => <div key={tile} className="grid gap-2 border-l px-4 py-3.5 first:border-l-0"><Skeleton className="h-3 w-20" /><Skeleton className="h-6 w-28" /><Skeleton className="h-3 w-24" /></div>)}</div>
      <div className="sheet"><div className="gutter col-span-12 py-5 lg:col-span-8"><Skeleton className="h-80" /></div><div className="gutter col-span-12 py-5 lg:col-span-4"><Skeleton className="h-80" /></div></div>
    </div>
  );
}
