import { afterEach, expect, it, vi } from 'vitest';
import { sessionFetch } from './client';
import { getMe } from './generated';
import { ApiProblem } from './problem';

afterEach(() => vi.unstubAllGlobals());

const problem = (status: number, code: string) => new Response(JSON.stringify({ type: 'about:blank', title: code, status, code, detail: 'd', request_id: 'r1' }), { status, headers: { 'content-type': 'application/problem+json' } });
const pathOf = (input: RequestInfo | URL) => new URL(input instanceof Request ? input.url : String(input), location.href).pathname;

it('renews a session that ended and makes the calls again, with one refresh for all of them', async () => {
  const calls: string[] = [];
  let valid = false;
  vi.stubGlobal('fetch', async (input: RequestInfo | URL) => {
    const path = pathOf(input);
    calls.push(path);
    await Promise.resolve();
    if (path === '/v1/auth/refresh') { valid = true; return Response.json({ access_token: 'a', refresh_token: 'b' }); }
    return valid ? Response.json({ fine: true }) : problem(401, 'unauthorized');
  });
  const answers = await Promise.all(['/v1/files', '/v1/tasks'].map((path) => sessionFetch(new URL(path, location.href), { method: 'POST', body: '{}' })));
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(calls.filter((path) => path === '/v1/auth/refresh')).toHaveLength(1);
});

it('gives the refusal itself when the session can not be renewed', async () => {
  vi.stubGlobal('fetch', () => Promise.resolve(problem(401, 'unauthorized')));
  expect((await sessionFetch(new URL('/v1/files', location.href))).status).toBe(401);
});

it('turns problems into errors with code and request id, and no answer into offline', async () => {
  vi.stubGlobal('fetch', () => Promise.resolve(problem(403, 'forbidden')));
  await expect(getMe({ throwOnError: true })).rejects.toMatchObject({ code: 'forbidden', status: 403, requestId: 'r1' });
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed')));
  const offline: unknown = await getMe({ throwOnError: true }).catch((error: unknown) => error);
  expect(offline).toBeInstanceOf(ApiProblem);
  expect(offline).toMatchObject({ code: 'offline', status: 0 });
});
