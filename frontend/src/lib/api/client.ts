import { takeEarly } from './early';
import { client } from './generated/client.gen';
import { toProblem } from './problem';

let refreshing: Promise<boolean> | null = null;

/** Renews the session once, however many calls ask for it at the same time. */
export function refreshSession(): Promise<boolean> {
  refreshing ??= fetch('/v1/auth/refresh', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
    .then((answer) => answer.ok)
    .catch(() => false)
    .finally(() => { refreshing = null; });
  return refreshing;
}

const SIGNING_IN = /\/v1\/auth\/(login|register|refresh|logout)$/;

/** `fetch` with the session: a call that comes back with 401 is made again after a refresh, unseen. */
export async function sessionFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const again = request.clone();
  const answer = await (takeEarly(request) ?? fetch(request));
  if (answer.status !== 401 || SIGNING_IN.test(new URL(request.url).pathname) || !(await refreshSession())) return answer;
  return fetch(again);
}

client.setConfig({ baseUrl: typeof location === 'undefined' ? '' : location.origin, fetch: sessionFetch });
client.interceptors.error.use((error, response) => toProblem(error, response));

export { client };
