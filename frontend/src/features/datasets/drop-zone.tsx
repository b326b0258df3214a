'use client';

import { Upload } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { useRef, useState } from 'react';
import { Button } from '@/components/ui/button';
import { cn } from '@/lib/cn';

export function DropZone({ onFiles }: { onFiles: (files: File[]) => void }) {
  const t = useTranslations('upload');
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const take = (list: FileList | null) => { if (list?.length) onFiles([...list]); };
  return (
    <div
      onDragOver={(event) => { event.preventDefault(); setOver(true); }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => { event.preventDefault(); setOver(false); take(event.dataTransfer.files); }}
      className={cn('flex min-h-14 items-center gap-3 rounded-md border border-dashed border-input py-2.5 pr-3 pl-4 transition-colors', over && 'border-primary bg-accent')}
    >
      <Upload aria-hidden className="size-4 shrink-0 text-muted-foreground" strokeWidth={1.5} />
      <p className="min-w-0 flex-1 text-muted-foreground"><span>{t('drop')}</span> <span className="max-md:hidden">{t('several')}</span></p>
      <input ref={input} type="file" accept=".csv,.tsv,.txt,text/csv" multiple className="sr-only" tabIndex={-1} aria-label={t('choose')} onChange={(event) => { take(event.target.files); event.target.value = ''; }} />
      <Button onClick={() => input.current?.click()}>{t('choose')}</Button>
    </div>
  );
}
