import { cleanup, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, expect, it, vi } from 'vitest';
import type { GeneralSettings } from '@/lib/api/generated';
import { ApiProblem } from '@/lib/api/problem';
import { renderWith } from '@/test-render';
import { GeneralSettingsPage } from './general-settings-page';

vi.setConfig({ testTimeout: 20_000 }); // typing is slow where many tests run at once

const first: GeneralSettings = { appName: 'Dallosh', appDescription: 'Posts', timeZone: 'UTC', isMaintenance: false, registration: 'open', logRetentionDays: 365 };
const api = vi.hoisted(() => ({ getGeneralSettings: vi.fn(), updateGeneralSettings: vi.fn() }));
vi.mock('@/lib/api/generated', async (original) => ({ ...(await original<object>()), ...api }));
vi.mock('@/lib/session', () => ({ useMe: () => ({ data: { user: { uid: 'ann' } } }) }));
vi.mock('@/components/page-header', () => ({ PageHeader: () => null }));
vi.mock('@/components/page-tabs', () => ({ PageTabs: () => null }));
vi.mock('next/navigation', () => ({ useRouter: () => ({ push: vi.fn() }) }));

const answer = (settings: GeneralSettings, etag: string) => ({ data: { data: settings }, response: new Response(null, { headers: { etag } }) });

beforeEach(() => {
  vi.resetAllMocks();
  localStorage.clear();
  sessionStorage.clear();
  api.getGeneralSettings.mockResolvedValue(answer(first, '"1"'));
});
async function open() {
  renderWith(<GeneralSettingsPage />);
  await screen.findByLabelText('Name');
}
const name = () => screen.getByLabelText('Name');
const save = () => screen.getByRole('button', { name: 'Save the settings' });

it('offers to save only what differs, and sends only that', async () => {
  api.updateGeneralSettings.mockResolvedValue(answer({ ...first, appName: 'Dallosh Plus' }, '"2"'));
  await open();
  expect(screen.queryByRole('button', { name: 'Save the settings' })).not.toBeInTheDocument();
  await userEvent.type(name(), ' Plus');
  await userEvent.click(screen.getByRole('button', { name: 'Closed' }));
  await userEvent.click(screen.getByRole('button', { name: 'Open' }));
  await userEvent.click(save());
  expect(api.updateGeneralSettings).toHaveBeenCalledExactlyOnceWith({ headers: { 'If-Match': '"1"' }, body: { appName: 'Dallosh Plus' }, throwOnError: true });
  expect(screen.queryByRole('button', { name: 'Save the settings' })).not.toBeInTheDocument();
});

it('does not save what the server would refuse, and says why', async () => {
  await open();
  await userEvent.clear(name());
  expect(screen.getByText('Enter a name of at most 60 characters')).toBeInTheDocument();
  expect(save()).toBeDisabled();
});

it('warns of maintenance, and of entries that a shorter time deletes', async () => {
  await open();
  await userEvent.click(screen.getByRole('switch', { name: 'Serve administrators only' }));
  expect(screen.getByText(/everybody but administrators is shown a maintenance page/)).toBeInTheDocument();
  await userEvent.clear(screen.getByLabelText('Kept for, days'));
  await userEvent.type(screen.getByLabelText('Kept for, days'), '30');
  expect(screen.getByText(/Entries older than 30 days are deleted/)).toBeInTheDocument();
});

it('shows both when somebody else saved the same field, and saves only after a choice', async () => {
  api.updateGeneralSettings.mockRejectedValueOnce(new ApiProblem({ status: 412, code: 'precondition_failed' }));
  await open();
  await userEvent.clear(name());
  await userEvent.type(name(), 'Mine');
  const theirs: GeneralSettings = { ...first, appName: 'Theirs', registration: 'closed' };
  api.getGeneralSettings.mockResolvedValue(answer(theirs, '"2"'));
  await userEvent.click(save());
  const both = await screen.findByRole('group', { name: 'Both changed: Name' });
  expect(both).toHaveTextContent('Saved meanwhile: Theirs. Yours: Mine.');
  expect(screen.getByRole('button', { name: 'Closed' })).toHaveAttribute('aria-pressed', 'true');
  expect(save()).toBeDisabled();
  await userEvent.click(within(both).getByRole('button', { name: 'Keep yours' }));
  api.updateGeneralSettings.mockResolvedValueOnce(answer({ ...theirs, appName: 'Mine' }, '"3"'));
  await userEvent.click(save());
  expect(api.updateGeneralSettings).toHaveBeenLastCalledWith({ headers: { 'If-Match': '"2"' }, body: { appName: 'Mine' }, throwOnError: true });
});

it('keeps what is typed through a reload, and asks about it when somebody else saved in between', async () => {
  await open();
  await userEvent.type(name(), ' Plus');
  cleanup();
  await open();
  expect(name()).toHaveValue('Dallosh Plus');
  expect(save()).toBeEnabled();
  cleanup();
  api.getGeneralSettings.mockResolvedValue(answer({ ...first, appName: 'Theirs' }, '"2"'));
  await open();
  expect(screen.getByRole('group', { name: 'Both changed: Name' })).toHaveTextContent('Saved meanwhile: Theirs. Yours: Dallosh Plus.');
  await userEvent.click(screen.getByRole('button', { name: 'Discard' }));
  expect(name()).toHaveValue('Theirs');
});
