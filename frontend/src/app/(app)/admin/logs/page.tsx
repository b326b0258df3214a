import type { Metadata } from 'next';
import { LogsPage } from '@/features/logs/logs-page';

export const metadata: Metadata = { title: 'Logs · Dallosh Analysis' };

export default function Page() {
  return <LogsPage />;
}
