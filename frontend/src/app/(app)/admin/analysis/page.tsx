import type { Metadata } from 'next';
import { AnalysisPage } from '@/features/analysis/analysis-page';

export const metadata: Metadata = { title: 'Analysis · Dallosh Analysis' };

export default function Page() {
  return <AnalysisPage />;
}
