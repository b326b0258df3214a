import type { Metadata } from 'next';
import { AiSettingsPage } from '@/features/ai-settings/ai-settings-page';

export const metadata: Metadata = { title: 'Settings · Dallosh Analysis' };

export default function Page() {
  return <AiSettingsPage />;
}
