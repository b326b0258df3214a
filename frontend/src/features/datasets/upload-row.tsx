'use client';

import { CircleAlert, CircleCheck, CircleDashed, CirclePause, Pause, Play, RefreshCw } from 'lucide-react';
import { useTranslations } from 'next-intl';
import { Arc } from '@/components/task-status';
import { Button } from '@/components/ui/button';
import { CloseButton } from '@/components/ui/dialog';
import { Progress } from '@/components/ui/progress';
import { cn } from '@/lib/cn';
import { useFormat } from '@/lib/format';
import { useProblemText } from '@/lib/problem-text';
import { uploadQueue, type Upload } from '@/lib/uploads';

interface UploadRowProps { upload: Upload; selected: boolean; onSelect: () => void }

export function UploadRow({ upload, selected, onSelect }: UploadRowProps) {
  const t = useTranslations('upload');
  const format = useFormat();
  const problemText = useProblemText();
  const { file, state, sent, speed, dataset, problem } = upload;
  const percent = file.size ? (100 * sent) / file.size : 0;
  const moving = state === 'sending', begun = sent > 0 && !dataset;
  const bar = <Progress label={t('progressOf', { name: file.name })} percent={percent} paused={!moving} className="w-24" />;
  return (
    <li className={cn('gutter relative grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-1 border-b py-2 md:min-h-11 md:grid-cols-[minmax(0,2fr)_minmax(0,2fr)_auto_auto]', selected && 'bg-accent')}>
      <div className="min-w-0 max-md:col-start-1 max-md:row-start-1">
        <button type="button" onClick={onSelect} aria-pressed={selected} className="block max-w-full truncate text-left leading-4 font-medium after:absolute after:inset-0 focus-visible:after:outline-2">{file.name}</button>
        <span className="tabular text-xs text-muted-foreground">{begun ? t('sentOf', { sent: format.bytes(sent), total: format.bytes(file.size) }) : format.bytes(file.size)}</span>
      </div>
      <div className="flex min-w-0 items-center gap-2 max-md:col-span-2 max-md:row-start-2" role="status">
        {state === 'ready' && <><CircleCheck aria-hidden className="size-3.5 shrink-0 text-status-done" />{t('ready')}</>}
        {state === 'waiting' && <><CircleDashed aria-hidden className="size-3.5 shrink-0 text-status-queued" />{t('waiting')}</>}
        {state === 'sending' && <><Arc className="text-status-running" /><span className="tabular shrink-0">{t('sending', { percent: Math.floor(percent) })}</span>{bar}</>}
        {state === 'retrying' && <><RefreshCw aria-hidden className="size-3.5 shrink-0 text-status-paused" />{t('retrying')}{bar}</>}
        {state === 'paused' && <><CirclePause aria-hidden className="size-3.5 shrink-0 text-status-paused" />{t('paused', { percent: Math.floor(percent) })}{bar}</>}
        {state === 'reading' && <><Arc className="text-status-running" />{t('reading')}</>}
        {state === 'failed' && <><CircleAlert aria-hidden className="size-3.5 shrink-0 text-status-failed" /><span className="truncate">{problemText(problem).title}</span></>}
      </div>
      <span className="tabular text-right text-muted-foreground max-md:hidden">
        {moving && speed ? t('speed', { speed: format.bytes(speed), left: format.duration((file.size - sent) / speed) }) : dataset && t('rows', { count: dataset.data.row_count })}
      </span>
      <div className="relative flex justify-end gap-1 max-md:col-start-2 max-md:row-start-1">
        {(moving || state === 'retrying') && <Button size="sm" onClick={() => uploadQueue.pause(upload.id)}><Pause aria-hidden />{t('pause')}</Button>}
        {state === 'paused' && <Button size="sm" onClick={() => uploadQueue.again(upload.id)}><Play aria-hidden />{t('resume')}</Button>}
        {state === 'failed' && <Button size="sm" onClick={() => uploadQueue.again(upload.id)}><RefreshCw aria-hidden />{t('again')}</Button>}
        <CloseButton aria-label={t('remove', { name: file.name })} title={dataset ? t('removeHint') : t('cancelHint')} onClick={() => uploadQueue.remove(upload.id)} />
      </div>
    </li>
  );
}
