import type { Metadata } from 'next';
import { ByTab } from '@/components/page-tabs';
import { RolesPage } from '@/features/roles/roles-page';
import { UsersPage } from '@/features/users/users-page';

export const metadata: Metadata = { title: 'Users · Dallosh Analysis' };

export default function Page() {
  return <ByTab place="users" pages={{ users: <UsersPage />, roles: <RolesPage /> }} />;
}
