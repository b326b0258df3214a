import type { Metadata } from 'next';
import { ProfilePage } from '@/features/profile/profile-page';

export const metadata: Metadata = { title: 'Profile · Dallosh Analysis' };

export default function Page() {
  return <ProfilePage />;
}
