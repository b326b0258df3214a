import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, expect, it, vi } from 'vitest';
import { leave } from '@/lib/leaving';
import type { ModelView } from '@/lib/api/generated';
import { ApiProblem } from '@/lib/api/problem';
import { renderWith } from '@/test-render';
import { ModelForm } from './model-form';
import { useForgetModels } from './queries';

vi.setConfig({ testTimeout: 20_000 }); // typing is slow where many tests run at once

const api = vi.hoisted(() => ({ getModel: vi.fn(), updateModel: vi.fn() }));
const told = vi.hoisted(() => vi.fn());
vi.mock('@/lib/api/generated', async (original) => ({ ...(await original<object>()), ...api }));
vi.mock('./queries', async (original) => ({ ...(await original<object>()), usePreferences: () => ({ data: undefined }) }));
vi.mock('next/navigation', () => ({ useRouter: () => ({ push: vi.fn() }) }));
vi.mock('sonner', () => ({ toast: told }));

const first: ModelView = { kind: 'external', provider: 'openai', model: 'mini', baseUrl: 'https://models.example/v1', has_key: true, last4: 'aaaa', paginateRowsLimit: 500, concurrency: 2, retryRequests: 3, price: { input_per_million_tokens: '0.15', output_per_million_tokens: '0.6' }, position: 0 };
const revision = (model: ModelView, etag: string) => ({ data: { uid: 'one', data: model }, response: new Response(null, { headers: { etag } }) });
const stale = () => new ApiProblem({ type: '/docs/errors#precondition_failed', title: 'Changed meanwhile', status: 412, code: 'precondition_failed', detail: 'it was changed meanwhile', request_id: 'r', errors: [] });

beforeEach(() => {
  vi.resetAllMocks();
  api.getModel.mockResolvedValue(revision(first, '"1"'));
});

/** With a button that reads the models again, as moving one in the list does. */
function Page() {
  const forget = useForgetModels();
  return <><ModelForm id="one" onDone={vi.fn()} /><button type="button" onClick={() => void forget()}>Read again</button></>;
}
async function open() {
  renderWith(<Page />);
  await screen.findByLabelText('Model');
}
const name = () => screen.getByLabelText('Model');
const save = () => screen.getByRole('button', { name: 'Save' });
async function retype(field: HTMLElement, text: string) {
  await userEvent.clear(field);
  await userEvent.type(field, text);
}

it('keeps what is typed when the models are read again, and shows what others changed around it', async () => {
  await open();
  await retype(name(), 'maxi');
  api.getModel.mockResolvedValue(revision({ ...first, concurrency: 8, position: 1 }, '"2"'));
  await userEvent.click(screen.getByRole('button', { name: 'Read again' }));
  await waitFor(() => expect(screen.getByLabelText('Calls at a time')).toHaveValue('8'));
  expect(name()).toHaveValue('maxi');
  expect(screen.queryByRole('group', { name: /^Both changed/ })).not.toBeInTheDocument();
  api.updateModel.mockResolvedValue(revision({ ...first, model: 'maxi', concurrency: 8 }, '"3"'));
  await userEvent.click(save());
  expect(api.updateModel).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ headers: { 'If-Match': '"2"' }, body: expect.objectContaining({ model: 'maxi', concurrency: 8 }) }));
});

it('shows both when somebody else saved the same field, and saves only after a choice', async () => {
  await open();
  await retype(name(), 'mine');
  await userEvent.type(screen.getByLabelText('API key'), 'sk-of-mine-9999');
  api.getModel.mockResolvedValue(revision({ ...first, model: 'theirs', last4: 'bbbb' }, '"2"'));
  api.updateModel.mockRejectedValueOnce(stale());
  await userEvent.click(save());
  const both = await screen.findByRole('group', { name: 'Both changed: Model' });
  expect(both).toHaveTextContent('Saved meanwhile: theirs. Yours: mine.');
  expect(screen.getByText('Somebody else saved meanwhile')).toBeInTheDocument();
  const keys = screen.getByRole('group', { name: 'Both changed: API key' });
  expect(keys).toHaveTextContent('Saved meanwhile: ····bbbb. Yours: ····9999.');
  expect(save()).toBeDisabled();
  await userEvent.click(within(both).getByRole('button', { name: 'Keep yours' }));
  await userEvent.click(within(keys).getByRole('button', { name: 'Take theirs' }));
  expect(screen.getByLabelText('API key')).toHaveValue('');
  api.updateModel.mockResolvedValue(revision({ ...first, model: 'mine', last4: 'bbbb' }, '"3"'));
  await userEvent.click(save());
  const [last] = api.updateModel.mock.lastCall as [{ headers: object; body: object }];
  expect(last.headers).toEqual({ 'If-Match': '"2"' });
  expect(last.body).toMatchObject({ model: 'mine' });
  expect(last.body).not.toHaveProperty('apiKey');
});

it('offers to take a change back, but not a key, which nobody can read', async () => {
  await open();
  await retype(screen.getByLabelText('Calls at a time'), '4');
  api.updateModel.mockResolvedValue(revision({ ...first, concurrency: 4 }, '"2"'));
  await userEvent.click(save());
  const [, { action }] = told.mock.lastCall as [string, { action: { label: string; onClick: () => void } }];
  expect(action.label).toBe('Undo');
  action.onClick();
  await waitFor(() => expect(api.updateModel).toHaveBeenLastCalledWith(expect.objectContaining({ headers: { 'If-Match': '"2"' }, body: expect.objectContaining({ concurrency: 2 }) })));

  await userEvent.type(screen.getByLabelText('API key'), 'sk-another');
  await userEvent.click(save());
  expect(told).toHaveBeenLastCalledWith('mini is saved', {});
});

it('asks whoever leaves what is typed', async () => {
  await open();
  const gone = vi.fn();
  await userEvent.type(name(), '!');
  leave(gone);
  await userEvent.click(await screen.findByRole('button', { name: 'Stay here' }));
  expect(gone).not.toHaveBeenCalled();
  expect(name()).toHaveValue('mini!');
  await userEvent.click(screen.getByRole('button', { name: 'Discard' }));
  leave(gone);
  expect(gone).toHaveBeenCalledOnce();
  expect(name()).toHaveValue('mini');
});
