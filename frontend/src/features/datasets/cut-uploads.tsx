'use client';

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { CirclePause } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { Button } from '@/components/ui/button';
import { cutUploads, giveUp } from '@/lib/api/upload';
import { useFormat } from '@/lib/format';
import { useUploads } from '@/lib/uploads';

const KEY = ['cut uploads'];

/** Uploads that leaving the page cut off: a browser gives a page no file again by itself, so it is asked for. */
export function CutUploads() {
  const t = useTranslations('upload');
  const format = useFormat();
  const queries = useQueryClient();
  const uploads = useUploads();
  const cut = useQuery({ queryKey: KEY, queryFn: cutUploads, staleTime: Infinity, gcTime: 0 });
  const going = new Set(uploads.map(({ file }) => `${file.name} ${file.size}`));
  const left = cut.data?.filter(({ name, size }) => !going.has(`${name} ${size}`)) ?? [];
  if (left.length === 0) return null;
  return (
    <section aria-label={t('cut')} className="border-t">
      <h2 className="gutter pt-3 pb-1 text-xs font-normal text-muted-foreground">{t('cut')}</h2>
      <ul>
        {left.map((upload) => (
          <li key={upload.key} className="gutter flex flex-wrap items-center gap-x-4 gap-y-1 border-b py-2">
            <span className="min-w-0 flex-1">
              <span className="block truncate font-medium">{upload.name}</span>
              <span className="flex items-center gap-1.5 text-xs text-muted-foreground"><CirclePause aria-hidden className="size-3.5 shrink-0 text-status-paused" />{t('cutAt', { sent: format.bytes(upload.sent), total: format.bytes(upload.size) })}</span>
            </span>
            <Button size="sm" onClick={() => void giveUp(upload).finally(() => void queries.invalidateQueries({ queryKey: KEY }))}>{t('discard')}</Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
