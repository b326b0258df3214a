import type { Priority, Sentiment } from '@/components/labels';

export interface Kpis {
  posts: number; labelled: number; failed: number; skipped: number; undated: number | null; coverage: number | null;
  negative: number; neutral: number; positive: number; negative_share: number | null; neutral_share: number | null; positive_share: number | null;
  net_sentiment: number | null; high_priority: number; high_priority_share: number | null; users: number | null;
  engagement: number | null; engagement_per_post: number | null; reach: number | null; reach_weighted_negative_share: number | null;
  answered_complaints: number | null; unanswered_complaints: number | null; response_rate: number | null;
}
export type Post = Record<string, string>;
export interface Point { from: string; negative: number; neutral: number; positive: number }
export interface Spike { topic: string; day: string; from: string; to: string; weekday: number; posts: number; expected: number; deviation: number; score: number; weeks: number }
export interface Analysis {
  file_id: string;
  filters: { from: string | null; to: string | null; sentiment: Sentiment | null; priority: Priority | null; topic: string | null; q: string | null; user: string | null; tz: string };
  kpis: Kpis;
  series: {
    sentiment: { sentiment: Sentiment; posts: number }[];
    sentiment_over_time: { granularity: 'hour' | 'day' | 'week' | 'month' | 'year'; points: Point[] };
    priority: { priority: number; posts: number }[];
    topics: { topic: string; posts: number; negative: number; neutral: number; positive: number }[];
    priority_by_sentiment: { priority: number; sentiment: Sentiment; posts: number }[];
    hour_by_weekday: { weekday: number; hour: number; posts: number; negative: number }[];
    top_users: { screen_name: string; posts: number; negative: number; engagement: number | null }[];
    engagement_by_sentiment: { sentiment: Sentiment; posts: number; engagement: number; reach: number | null }[];
    critical_posts: Post[];
  };
  spikes: Spike[];
  unavailable: { name: string; reason: string }[];
}
export interface AnalysisPosts { items: Post[]; total: number; next_cursor: string | null }
