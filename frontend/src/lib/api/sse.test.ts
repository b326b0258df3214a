import { afterEach, expect, it, vi } from 'vitest';
import { eventParser, follow, type LiveState, type ServerEvent } from './sse';

afterEach(() => { vi.unstubAllGlobals(); vi.useRealTimers(); });

it('puts events together whatever the pieces they come in', () => {
  const events: ServerEvent[] = [];
  const parse = eventParser((event) => events.push(event));
  for (const piece of ['id: 1\nev', 'ent: progress\ndata: {"a"', ':1}\n\n: a comment\n\nid: 2\r\ndata: two\r\ndata: lines\r\n', '\r\n']) parse(piece);
  expect(events).toEqual([{ id: '1', event: 'progress', data: '{"a":1}' }, { id: '2', event: 'message', data: 'two\nlines' }]);
});

it('goes on behind the last event when the stream breaks, and ends with the run', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const bodies = ['id: 1\ndata: first\n\n', 'id: 2\ndata: last\n\n'];
  const asked: (string | null)[] = [];
  vi.stubGlobal('fetch', (request: Request) => {
    asked.push(request.headers.get('last-event-id'));
    return Promise.resolve(new Response(bodies.shift()));
  });
  const seen: string[] = [], states: LiveState[] = [];
  await follow({ url: '/v1/tasks/t/events', signal: new AbortController().signal, onEvent: ({ data }) => seen.push(data), onState: (state) => states.push(state), isOver: () => seen.includes('last') });
  expect(seen).toEqual(['first', 'last']);
  expect(asked).toEqual([null, '1']);
  expect(states).toEqual(['connecting', 'live', 'reconnecting', 'live', 'ended']);
});

it('does not knock again where it was refused', async () => {
  const fetch = vi.fn(() => Promise.resolve(new Response('{}', { status: 404 })));
  vi.stubGlobal('fetch', fetch);
  const states: LiveState[] = [];
  await follow({ url: '/v1/tasks/t/events', signal: new AbortController().signal, onEvent: () => {}, onState: (state) => states.push(state), isOver: () => false });
  expect(states.at(-1)).toBe('refused');
  expect(fetch).toHaveBeenCalledOnce();
});
