import type { Metadata } from 'next';
import { ByTab } from '@/components/page-tabs';
import { AiSettingsPage } from '@/features/ai-settings/ai-settings-page';
import { GeneralSettingsPage } from '@/features/general-settings/general-settings-page';

export const metadata: Metadata = { title: 'Settings · Dallosh Analysis' };

export default function Page() {
  return <ByTab place="settings" pages={{ general: <GeneralSettingsPage />, ai: <AiSettingsPage /> }} />;
}
