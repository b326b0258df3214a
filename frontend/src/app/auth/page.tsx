import type { Metadata } from 'next';
import { Suspense } from 'react';
import { Providers } from '@/components/shell/providers';
import { AuthPage } from '@/features/auth/auth-page';

export const metadata: Metadata = { title: 'Sign in · Dallosh Analysis' };

export default function Page() {
  return <Providers><Suspense><AuthPage /></Suspense></Providers>;
}
