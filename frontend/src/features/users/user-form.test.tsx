import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { expect, it, vi } from 'vitest';
import type { Permission, ResourceAccountData, ResourceRoleData } from '@/lib/api/generated';
import { renderWith } from '@/test-render';
import { UserForm } from './user-form';

vi.mock('@/lib/session', () => ({ useMe: () => ({ data: { user: { uid: 'ann' }, permissions: ['read_datasets', 'manage_users'] } }) }));

const role = (uid: string, name: string, permissions: Permission[]) => ({ uid, data: { name, permissions } }) as unknown as ResourceRoleData;
const roles = [role('some', 'reader', ['read_datasets']), role('more', 'lead', ['read_datasets', 'manage_users'])];
const bob = (name: string, role_id: string) => ({ uid: 'bob', data: { email: 'bob@example.com', name, role_id } }) as unknown as ResourceAccountData;

/** With a button by which the account is read again, as somebody else has left it. */
function Panel({ later }: { later: ResourceAccountData }) {
  const [account, setAccount] = useState({ user: bob('Bob', 'some'), etag: '"1"' });
  return <><UserForm user={account.user} etag={account.etag} roles={roles} own={false} /><button type="button" onClick={() => setAccount({ user: later, etag: '"2"' })}>Read again</button></>;
}
async function typeAndReadAgain(later: ResourceAccountData) {
  renderWith(<Panel later={later} />);
  await userEvent.clear(screen.getByLabelText('Name'));
  await userEvent.type(screen.getByLabelText('Name'), 'Bobby');
  await userEvent.click(screen.getByRole('button', { name: 'Read again' }));
}

it('keeps what is typed when the account is read again, and shows what others changed around it', async () => {
  await typeAndReadAgain(bob('Bob', 'more'));
  expect(screen.getByLabelText('Name')).toHaveValue('Bobby');
  expect(screen.getByLabelText('Role')).toHaveDisplayValue('lead');
  expect(screen.getByRole('button', { name: 'Save the account' })).toBeEnabled();
});

it('shows both when somebody else changed the same field, and saves only after a choice', async () => {
  await typeAndReadAgain(bob('Robert', 'some'));
  const both = screen.getByRole('group', { name: 'Both changed: Name' });
  expect(both).toHaveTextContent('Saved meanwhile: Robert. Yours: Bobby.');
  expect(screen.getByRole('button', { name: 'Save the account' })).toBeDisabled();
  await userEvent.click(within(both).getByRole('button', { name: 'Take theirs' }));
  expect(screen.getByLabelText('Name')).toHaveValue('Robert');
  expect(screen.queryByRole('group', { name: /^Both changed/ })).not.toBeInTheDocument();
});
