import { afterEach, expect, it, vi } from 'vitest';
import { takeEarly } from './early';

const me = () => new Request('http://localhost/v1/auth/me');

afterEach(() => { delete globalThis.earlyAnswers; vi.restoreAllMocks(); });

it('gives an early answer to the same call, once', async () => {
  globalThis.earlyAnswers = { '/v1/auth/me': Promise.resolve(new Response('early')) };
  vi.spyOn(performance, 'now').mockReturnValue(500);
  expect(takeEarly(new Request('http://localhost/v1/auth/me?x=1'))).toBeUndefined();
  expect(takeEarly(new Request('http://localhost/v1/auth/me', { method: 'PATCH' }))).toBeUndefined();
  expect(await (await takeEarly(me()))?.text()).toBe('early');
  expect(takeEarly(me())).toBeUndefined();
});

it('gives no answer of a time long past', () => {
  globalThis.earlyAnswers = { '/v1/auth/me': Promise.resolve(new Response('early')) };
  vi.spyOn(performance, 'now').mockReturnValue(60_000);
  expect(takeEarly(me())).toBeUndefined();
});
