import { afterEach, expect, it, vi } from 'vitest';
import { eventParser, follow, type LiveState, type ServerEvent } from './sse';

afterEach(() => { vi.unstubAllGlobals(); vi.restoreAllMocks(); vi.useRealTimers(); });

it('puts events together whatever the pieces they come in', () => {
  const events: ServerEvent[] = [];
  const parse = eventParser((event) => events.push(event));
  for (const piece of ['id: 1\nev', 'ent: progress\ndata: {"a"', ':1}\n\n: a comment\n\nid: 2\r\ndata: two\r\ndata: lines\r\n', '\r\n']) parse(piece);
  expect(events).toEqual([{ id: '1', event: 'progress', data: '{"a":1}' }, { id: '2', event: 'message', data: 'two\nlines' }]);
});

it('goes on behind the last event when the stream breaks, until it is told to stop', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const bodies = ['id: 1\ndata: first\n\n', 'id: 2\ndata: last\n\n'];
  const asked: (string | null)[] = [];
  vi.stubGlobal('fetch', (request: Request) => {
    asked.push(request.headers.get('last-event-id'));
    return Promise.resolve(new Response(bodies.shift()));
  });
  const seen: string[] = [], states: LiveState[] = [], stop = new AbortController();
  await follow({ url: '/v1/events', signal: stop.signal, onEvent: ({ data }) => { seen.push(data); if (data === 'last') stop.abort(); }, onState: (state) => states.push(state) });
  expect(seen).toEqual(['first', 'last']);
  expect(asked).toEqual([null, '1']);
  expect(states).toEqual(['connecting', 'live', 'reconnecting', 'live']);
});

it('does not knock again where it was refused', async () => {
  const fetch = vi.fn(() => Promise.resolve(new Response('{}', { status: 404 })));
  vi.stubGlobal('fetch', fetch);
  const states: LiveState[] = [];
  await follow({ url: '/v1/events', signal: new AbortController().signal, onEvent: () => {}, onState: (state) => states.push(state) });
  expect(states.at(-1)).toBe('refused');
  expect(fetch).toHaveBeenCalledOnce();
});

it('leaves the connection to others while nobody looks, and goes on when somebody does', async () => {
  vi.useFakeTimers();
  const hidden = vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
  const stop = new AbortController(), asked: (string | null)[] = [];
  vi.stubGlobal('fetch', (request: Request) => {
    asked.push(request.headers.get('last-event-id'));
    const body = new ReadableStream({ start: (stream) => { stream.enqueue(new TextEncoder().encode('id: 7\ndata: one\n\n')); request.signal.addEventListener('abort', () => stream.error(new Error('left'))); } });
    return Promise.resolve(new Response(body));
  });
  const states: LiveState[] = [];
  const over = follow({ url: '/v1/events', signal: stop.signal, onEvent: () => {}, onState: (state) => states.push(state) });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual([null]);
  expect(states.at(-1)).toBe('reconnecting');
  hidden.mockReturnValue(false);
  document.dispatchEvent(new Event('visibilitychange'));
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked).toEqual([null, '7']);
  expect(states.at(-1)).toBe('live');
  stop.abort();
  await over;
});
