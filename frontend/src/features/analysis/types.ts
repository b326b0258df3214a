import type { AnalysisPosts } from '@/lib/api/generated';

export type { Analysis, AnalysisPosts, Point, Spike } from '@/lib/api/generated';
export type Post = AnalysisPosts['items'][number];
