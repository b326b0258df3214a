'use client';

import { useInfiniteQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { ProblemAlert } from '@/components/problem-alert';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { listFileRejectsInfiniteOptions } from '@/lib/api/generated/@tanstack/react-query.gen';
import { useFormat } from '@/lib/format';

/** The rows that can't be read, as they stand in the file, each with its reason. */
export function Rejects({ id }: { id: string }) {
  const t = useTranslations('rejects');
  const format = useFormat();
  const rejects = useInfiniteQuery({ ...listFileRejectsInfiniteOptions({ path: { id }, query: { limit: 200 } }), initialPageParam: { path: { id } }, getNextPageParam: (page) => page.next_cursor });
  if (rejects.error && !rejects.data) return <div className="gutter max-w-[760px] py-4"><ProblemAlert problem={rejects.error} onRetry={() => void rejects.refetch()} /></div>;
  if (!rejects.data) return <div className="gutter grid gap-2 py-4"><Skeleton className="h-8" /><Skeleton className="h-40" /></div>;
  const items = rejects.data.pages.flatMap((page) => page.items), total = rejects.data.pages[0]?.total ?? items.length;
  return (
    <section aria-label={t('title')}>
      <p className="gutter border-b py-2.5 text-xs text-muted-foreground">{total > items.length ? t('firstOf', { shown: items.length, total }) : t('count', { total })}</p>
      <table className="table full">
        <thead><tr><th className="num">{t('line')}</th><th>{t('reason')}</th><th className="max-md:hidden">{t('raw')}</th></tr></thead>
        <tbody>
          {items.map((reject) => (
            <tr key={reject.line}>
              <td className="num">{format.count(reject.line)}</td>
              <td className="md:w-2/5">{reject.reason}</td>
              <td className="max-w-0 truncate font-mono text-xs max-md:hidden" title={reject.raw}>{reject.raw}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rejects.error && <div className="gutter max-w-[760px] py-4"><ProblemAlert problem={rejects.error} onRetry={() => void rejects.fetchNextPage()} /></div>}
      {rejects.hasNextPage && !rejects.error && <div className="gutter py-3"><Button size="sm" disabled={rejects.isFetchingNextPage} onClick={() => void rejects.fetchNextPage()}>{t('more')}</Button></div>}
    </section>
  );
}
