import type { Analysis, AnalysisPosts } from '@/lib/api/generated';

export type { Analysis, AnalysisPosts, Point, Spike } from '@/lib/api/generated';
export type Topic = Analysis['series']['topics'][number];
export type Post = AnalysisPosts['items'][number];
