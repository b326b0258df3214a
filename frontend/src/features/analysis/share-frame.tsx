'use client';

import { useTranslations } from 'next-intl';
import { useState, type ReactNode } from 'react';
import { Segmented } from '@/components/ui/segmented';
import { useFormat } from '@/lib/format';
import { Change } from './change';
import { Frame } from './frame';
import { door } from './marks';
import { SharePie } from './share-pie';
import { useWidth } from './use-width';

export interface Part {
  key: string;
  name: string;
  label: ReactNode;
  posts: number;
  share: number | null;
  /** Of the time before. */
  before: number | null;
  fill: string;
  worse?: 'up' | 'down';
  open: () => void;
}

interface ShareFrameProps { title: string; file: string; labelled: number; before: number | null; parts: Part[]; pie?: boolean }

/** One bar, or a pie, and the same figures in rows. */
export function ShareFrame({ title, file, labelled, before, parts, pie = false }: ShareFrameProps) {
  const t = useTranslations('charts');
  const format = useFormat();
  const [view, setView] = useState<'bar' | 'pie'>('bar');
  const twin = { columns: [title, t('postsColumn'), t('shareColumn')], rows: parts.map(({ name, posts, share }) => [name, posts, share === null ? null : Math.round(share * 1000) / 10]) };
  return (
    <Frame
      drawn
      title={title}
      base={t('ofLabelled', { count: labelled })}
      file={file}
      twin={twin}
      around={{ legend: parts.map((part) => ({ name: t('tip', { name: part.name, posts: part.posts, share: part.share === null ? '–' : format.percent(part.share) }), fill: part.fill })) }}
      actions={pie && <Segmented label={t('view')} value={view} onChange={setView} options={[{ value: 'bar', label: t('bar') }, { value: 'pie', label: t('pie') }]} className="mr-1" />}
    >
      {view === 'pie' ? <SharePie title={title} parts={parts} /> : <ShareBar title={title} parts={parts} />}
      <table className="table dense mt-2">
        <tbody>
          {parts.map((part) => (
            <tr key={part.key}>
              <td><button type="button" onClick={part.open} className="rounded-sm hover:underline">{part.label}</button></td>
              <td className="num font-medium">{part.share === null ? '–' : format.percent(part.share)}</td>
              <td className="num text-muted-foreground"><button type="button" onClick={part.open} className="rounded-sm hover:underline">{format.count(part.posts)}</button></td>
              {before !== null && <td className="num text-xs"><Change now={part.share} before={part.before} as="points" {...(part.worse && { worse: part.worse })} base={Math.min(labelled, before)} /></td>}
            </tr>
          ))}
        </tbody>
      </table>
    </Frame>
  );
}

const HEIGHT = 64, BAR = 22, TOP = 26, GAP = 2;

function ShareBar({ title, parts }: { title: string; parts: Part[] }) {
  const t = useTranslations('charts');
  const format = useFormat();
  const [ref, width] = useWidth();
  const shown = parts.filter(({ posts }) => posts > 0);
  const total = shown.reduce((sum, { posts }) => sum + posts, 0);
  const room = Math.max(0, width - GAP * (shown.length - 1));
  const starts = shown.map((_, index) => shown.slice(0, index).reduce((sum, { posts }) => sum + (room * posts) / total + GAP, 0));
  return (
    <div ref={ref} style={{ height: HEIGHT }}>
      {width > 0 && total > 0 && (
        <svg data-drawing role="group" aria-label={title} width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} className="block overflow-visible">
          {shown.map((part, index) => {
            const x = starts[index] ?? 0, wide = (room * part.posts) / total, text = format.percent(part.posts / total);
            return (
              <g key={part.key} {...door(t('tip', { name: part.name, posts: part.posts, share: text }), index === 0, part.open)}>
                <title>{t('tip', { name: part.name, posts: part.posts, share: text })}</title>
                <rect data-edge x={x} y={TOP} width={Math.max(2, wide)} height={BAR} rx={2} className={part.fill} strokeWidth={1.5} />
                <rect x={x} y={0} width={Math.max(2, wide)} height={HEIGHT} fill="transparent" />
              </g>
            );
          })}
          {shown.map((part, index) => (room * part.posts) / total > 46 && <text key={part.key} aria-hidden x={starts[index]} y={TOP - 8} className="pointer-events-none fill-foreground text-xs font-medium">{format.percent(part.posts / total)}</text>)}
        </svg>
      )}
    </div>
  );
}
