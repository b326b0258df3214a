import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Toaster } from 'sonner';
import { expect, it, vi } from 'vitest';
import '@/lib/api/client';
import type { Permission, ResourceAccountData, ResourceRoleData } from '@/lib/api/generated';
import { renderWith } from '@/test-render';
import { UserTable } from './user-table';

const me = vi.hoisted(() => ({ user: { uid: 'ann' }, permissions: ['read_datasets', 'manage_users'] as string[] }));
vi.mock('@/lib/session', () => ({ useMe: () => ({ data: me }) }));

const role = (uid: string, name: string, permissions: Permission[]) => ({ uid, data: { name, permissions } }) as unknown as ResourceRoleData;
const roles = [role('all', 'admin', ['read_datasets', 'manage_users', 'manage_app']), role('some', 'reader', ['read_datasets'])];
const user = (uid: string, role_id: string, more: Partial<ResourceAccountData['data']> = {}) => ({ uid, createdAt: '2026-01-02T03:04:05Z', data: { email: `${uid}@example.com`, name: null, role_id, role: roles.find((one) => one.uid === role_id)?.data.name, disabled: false, must_change_password: false, last_sign_in_at: null, ...more } }) as unknown as ResourceAccountData;

function show(mayManage = true) {
  const onSort = vi.fn(), onOpen = vi.fn();
  renderWith(<UserTable users={[user('ann', 'some'), user('bob', 'some', { disabled: true }), user('eve', 'all')]} roles={roles} sort="-createdAt" mayManage={mayManage} onSort={onSort} onOpen={onOpen} />);
  return { onSort, onOpen };
}
const choice = (name: string) => screen.getByRole('combobox', { name: `Role of ${name}@example.com` });

it('lets roles be changed that stay within the own permissions', () => {
  show();
  expect(choice('bob')).toBeEnabled();
  expect(within(choice('bob')).getByRole('option', { name: 'Admin' })).toBeDisabled();
  expect(within(choice('bob')).getByRole('option', { name: 'reader' })).toBeEnabled();
});

it('locks the own role and those of accounts that may do more, and says why', () => {
  show();
  expect(choice('ann')).toBeDisabled();
  expect(choice('ann')).toHaveAttribute('title', 'Nobody changes their own role');
  expect(choice('eve')).toBeDisabled();
  expect(choice('eve')).toHaveAttribute('title', expect.stringContaining('may do more than you'));
});

it('shows roles as words to whoever may only read', () => {
  show(false);
  expect(screen.queryByRole('combobox')).not.toBeInTheDocument();
  expect(screen.getByRole('row', { name: /bob@example.com.*reader.*Disabled/ })).toBeInTheDocument();
});

it('turns the order around when the current column is pressed, and opens an account by its name', async () => {
  const { onSort, onOpen } = show();
  expect(screen.getByRole('columnheader', { name: 'Added' })).toHaveAttribute('aria-sort', 'descending');
  await userEvent.click(screen.getByRole('button', { name: 'Added' }));
  expect(onSort).toHaveBeenCalledExactlyOnceWith('createdAt');
  await userEvent.click(screen.getByRole('button', { name: 'bob@example.com' }));
  expect(onOpen).toHaveBeenCalledExactlyOnceWith('bob');
});

it('takes a role back only from the account as it was left', async () => {
  const patches: (string | null)[] = [];
  vi.spyOn(globalThis, 'fetch').mockImplementation((input) => {
    const request = input as Request;
    patches.push(request.headers.get('if-match'));
    if (patches.length > 1) return Promise.resolve(Response.json({ type: 'about:blank', title: 'Changed', status: 412, code: 'precondition_failed' }, { status: 412, headers: { 'content-type': 'application/problem+json' } }));
    return Promise.resolve(Response.json(user('bob', 'less'), { headers: { etag: '"7"' } }));
  });
  renderWith(<><UserTable users={[user('bob', 'some')]} roles={[...roles, role('less', 'guest', [])]} sort="-createdAt" mayManage onSort={vi.fn()} onOpen={vi.fn()} /><Toaster /></>);
  await userEvent.selectOptions(choice('bob'), 'guest');
  await userEvent.click(await screen.findByRole('button', { name: 'Undo' }));
  expect(await screen.findByText('bob@example.com stays as it is')).toBeInTheDocument();
  expect(screen.getByText('Somebody changed the account since.')).toBeInTheDocument();
  expect(patches).toEqual([null, '"7"']);
  vi.restoreAllMocks();
});
