import { useTranslations } from 'next-intl';
import type { Progress } from '@/lib/api/generated';
import { cn } from '@/lib/cn';

const DRAWN = 400;

/** One square a page: how many are answered, and by which model where another one stood in. */
export function Pages({ progress, limit }: { progress: Progress; limit: number | null }) {
  const t = useTranslations('pages');
  const total = progress.pages_total ?? 0, done = progress.pages_done ?? 0;
  const byModel = Object.entries(progress.pages_by_model ?? {}).sort(([, one], [, other]) => other - one);
  return (
    <section aria-labelledby="pages-title" className="gutter border-b py-4">
      <h3 id="pages-title" className="text-sm">{t('title')}</h3>
      <p className="text-xs text-muted-foreground">{total === 0 ? t('none') : limit ? t('ofUpTo', { total, limit }) : t('count', { total })}</p>
      {total > 0 && total <= DRAWN && (
        <div aria-hidden className="mt-3 grid grid-cols-[repeat(20,minmax(0,1fr))] gap-[3px]">
          {Array.from({ length: total }, (_, index) => <span key={index} className={cn('aspect-square max-h-5 rounded-mark border', index < done ? 'border-foreground bg-foreground' : 'border-border bg-muted')} />)}
        </div>
      )}
      {total > 0 && (
        <ul className="tabular mt-3 flex gap-4 text-xs text-muted-foreground">
          <li className="flex items-center gap-1.5"><span aria-hidden className="size-2.5 rounded-mark bg-foreground" />{t('done', { count: done })}</li>
          {total > done && <li className="flex items-center gap-1.5"><span aria-hidden className="size-2.5 rounded-mark border bg-muted" />{t('toGo', { count: total - done })}</li>}
        </ul>
      )}
      {byModel.length > 1 && (
        <ul aria-label={t('byModel')} className="tabular mt-2 flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted-foreground">
          {byModel.map(([model, count]) => <li key={model}><span className="text-foreground">{model}</span> {t('answered', { count })}</li>)}
        </ul>
      )}
    </section>
  );
}
