import type { Metadata } from 'next';
import { NotFoundPage } from '@/features/landing/not-found-page';

export const metadata: Metadata = { title: 'Not found · Dallosh Analysis' };

export default function NotFound() {
  return <NotFoundPage />;
}
