import { afterEach, expect, it, vi } from 'vitest';
import { earlyCalls, earlyScript, SIGNED_IN, takeEarly } from './early';

const me = () => new Request('http://localhost/v1/auth/me');

afterEach(() => { delete globalThis.earlyAnswers; vi.restoreAllMocks(); vi.unstubAllGlobals(); });

it('gives an early answer to the same call, once', async () => {
  globalThis.earlyAnswers = { '/v1/auth/me': Promise.resolve(new Response('early')) };
  vi.spyOn(performance, 'now').mockReturnValue(500);
  expect(takeEarly(new Request('http://localhost/v1/auth/me?x=1'))).toBeUndefined();
  expect(await (await takeEarly(me()))?.text()).toBe('early');
  expect(takeEarly(me())).toBeUndefined();
});

it('gives no answer of a time long past', () => {
  globalThis.earlyAnswers = { '/v1/auth/me': Promise.resolve(new Response('early')) };
  vi.spyOn(performance, 'now').mockReturnValue(60_000);
  expect(takeEarly(me())).toBeUndefined();
});

it('gives no answer from before something was changed', () => {
  globalThis.earlyAnswers = { '/v1/auth/me': Promise.resolve(new Response('early')) };
  vi.spyOn(performance, 'now').mockReturnValue(500);
  expect(takeEarly(new Request('http://localhost/v1/auth/logout', { method: 'POST' }))).toBeUndefined();
  expect(takeEarly(me())).toBeUndefined();
});

async function asked(page: string, tasks: object[]) {
  history.replaceState(null, '', page);
  vi.stubGlobal('fetch', vi.fn(async () => Response.json({ items: tasks })));
  // The script as a page has it.
  (0, eval)(earlyScript);
  await vi.waitFor(async () => { await Promise.all(Object.values(globalThis.earlyAnswers ?? {})); });
  await new Promise(setImmediate);
  return earlyCalls();
}

it('asks for the figures of the dataset in the address, else of the one that was analysed last', async () => {
  localStorage.setItem(SIGNED_IN, '');
  const tasks = [{ data: { file_id: 'waiting' } }, { data: { file_id: 'latest', file_analysed: 'x' } }, { data: { file_id: 'older', file_analysed: 'y' } }];
  const lists = ['/v1/auth/me', '/v1/tasks?limit=200', '/v1/files?limit=200'];
  expect(await asked('/home/analysis', tasks)).toEqual([...lists, '/v1/analysis/latest']);
  expect(await asked('/home/analysis?file=one', tasks)).toEqual([...lists, '/v1/analysis/one']);
  expect(await asked('/home/analysis', [])).toEqual(lists);
  expect(await asked('/home/tasks', tasks)).toEqual(lists.slice(0, 2));
});

it('asks for nothing where nobody is signed in', async () => {
  localStorage.removeItem(SIGNED_IN);
  expect(await asked('/home/analysis', [])).toEqual([]);
});
