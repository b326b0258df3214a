'use client';

import { useTranslations } from 'next-intl';
import { Pie, PieChart } from 'recharts';
import { door } from './marks';
import type { Part } from './share-frame';

export function SharePie({ title, parts }: { title: string; parts: Part[] }) {
  const t = useTranslations('charts');
  const shown = parts.filter(({ posts }) => posts > 0);
  return (
    <PieChart width={180} height={180} accessibilityLayer={false} role="group" aria-label={title} className="mx-auto">
      <Pie
        data={shown.map(({ key, posts }) => ({ key, posts }))}
        dataKey="posts"
        nameKey="key"
        innerRadius={0}
        outerRadius={86}
        startAngle={90}
        endAngle={-270}
        isAnimationActive={false}
        stroke="var(--background)"
        strokeWidth={2}
        shape={(sector: SectorProps) => {
          const part = shown.find(({ key }) => key === sector.name);
          if (!part) return <g />;
          return (
            <g {...door(t('doorOf', { name: part.name, posts: part.posts }), part === shown[0], part.open)}>
              <title>{part.name}</title>
              <path data-edge d={wedge(sector)} className={part.fill} stroke="var(--background)" strokeWidth={2} />
            </g>
          );
        }}
      />
    </PieChart>
  );
}

interface SectorProps { name?: string; cx?: number; cy?: number; outerRadius?: number; startAngle?: number; endAngle?: number }

function wedge({ cx = 0, cy = 0, outerRadius = 0, startAngle = 0, endAngle = 0 }: SectorProps): string {
  const point = (angle: number) => `${cx + outerRadius * Math.cos((-angle * Math.PI) / 180)} ${cy + outerRadius * Math.sin((-angle * Math.PI) / 180)}`;
  const sweep = Math.abs(startAngle - endAngle);
  if (sweep >= 359.99) return `M${cx - outerRadius} ${cy}a${outerRadius} ${outerRadius} 0 1 1 ${2 * outerRadius} 0a${outerRadius} ${outerRadius} 0 1 1 ${-2 * outerRadius} 0`;
  return `M${cx} ${cy}L${point(startAngle)}A${outerRadius} ${outerRadius} 0 ${sweep > 180 ? 1 : 0} ${startAngle > endAngle ? 1 : 0} ${point(endAngle)}Z`;
}
