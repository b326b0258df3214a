import { screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, it, vi } from 'vitest';
import type { Permission } from '@/lib/api/generated';
import { renderWith } from '@/test-render';
import type { Role } from './queries';
import { RoleMatrix } from './role-matrix';

const ALL: Permission[] = ['manage_users', 'manage_datasets', 'manage_tasks', 'manage_app', 'view_overview', 'read_users', 'read_datasets', 'read_tasks'];
const admin: Role = { uid: 'a', name: 'admin', permissions: ALL, etag: '"1"', fixed: 'admin' };
const reader: Role = { uid: 'r', name: 'reader', permissions: ['read_datasets'], etag: '"1"', fixed: null };

function show({ own = ALL, mayManage = true, edits = {} }: { own?: Permission[]; mayManage?: boolean; edits?: Parameters<typeof RoleMatrix>[0]['edits'] } = {}) {
  const onToggle = vi.fn();
  renderWith(<RoleMatrix roles={[admin, reader]} permissions={ALL.map((name) => ({ name, description: name }))} counts={{ r: { users: 2, more: false } }} edits={edits} own={own} mayManage={mayManage} onToggle={onToggle} />);
  return onToggle;
}
const cell = (permission: Permission, role: string) => screen.getByRole('checkbox', { name: `${permission} for ${role}` });

it('turns what a role allows, and never what the administrators may', async () => {
  const onToggle = show();
  await userEvent.click(cell('read_tasks', 'reader'));
  expect(onToggle).toHaveBeenCalledExactlyOnceWith(reader, 'read_tasks');
  await userEvent.click(cell('read_tasks', 'Admin'));
  expect(onToggle).toHaveBeenCalledOnce();
  expect(cell('read_tasks', 'Admin')).toBeChecked();
});

it('marks what is changed and says what it was', () => {
  show({ edits: { r: { read_tasks: true } } });
  expect(cell('read_tasks', 'reader')).toBeChecked();
  expect(screen.getByText('was off')).toBeInTheDocument();
});

it('lets nobody give what they lack themselves, and says so', async () => {
  const onToggle = show({ own: ['manage_users', 'read_users', 'read_datasets'] });
  expect(cell('manage_app', 'reader')).toHaveAttribute('title', 'You can’t give or take what you don’t have yourself');
  await userEvent.click(cell('manage_app', 'reader'));
  expect(onToggle).not.toHaveBeenCalled();
});

it('is read only without the permission to manage users', async () => {
  const onToggle = show({ mayManage: false });
  await userEvent.click(cell('read_tasks', 'reader'));
  expect(onToggle).not.toHaveBeenCalled();
  expect(screen.queryByRole('button', { name: 'reader' })).not.toBeInTheDocument();
});

it('leads from a role in use to its users instead of deleting it', async () => {
  show();
  await userEvent.click(screen.getByRole('button', { name: 'reader' }));
  expect(screen.getByText(/2 users have this role/)).toBeInTheDocument();
  expect(screen.getByRole('link', { name: 'Show them' })).toHaveAttribute('href', '/admin/users?role=r');
  expect(screen.queryByRole('button', { name: 'Delete role' })).not.toBeInTheDocument();
});
