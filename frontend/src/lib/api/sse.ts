import { sessionFetch } from './client';

export interface ServerEvent { id: string | null; event: string; data: string }

/** Cuts a stream of text into server-sent events; keeps what is not whole yet. */
export function eventParser(onEvent: (event: ServerEvent) => void) {
  let rest = '';
  return (text: string) => {
    rest = (rest + text).replace(/\r\n?/g, '\n');
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const found: ServerEvent = { id: null, event: 'message', data: '' };
      const data: string[] = [];
      for (const line of block.split('\n')) {
        const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
        if (field === 'id') found.id = value ?? null;
        else if (field === 'event') found.event = value ?? 'message';
        else if (field === 'data') data.push(value ?? '');
      }
      if (data.length) onEvent({ ...found, data: data.join('\n') });
    }
  };
}

export type LiveState = 'connecting' | 'live' | 'reconnecting' | 'refused';

interface StreamOptions {
  url: string;
  signal: AbortSignal;
  onEvent: (event: ServerEvent) => void;
  onState: (state: LiveState) => void;
}

const FIRST_WAIT = 500, LONGEST_WAIT = 15_000;
const HIDDEN_FOR = 10_000; // ms

/**
 * A signal that aborts once the tab was out of sight for a while: a browser opens six connections to a server for all
 * of its tabs, and streams that nobody looks at would hold them.
 */
function outOfSight(): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => { clearTimeout(timer); if (document.hidden) timer = setTimeout(() => controller.abort(), HIDDEN_FOR); };
  look();
  document.addEventListener('visibilitychange', look);
  return { signal: controller.signal, release: () => { clearTimeout(timer); document.removeEventListener('visibilitychange', look); } };
}

const inSight = (signal: AbortSignal) => new Promise<void>((done) => {
  const look = () => {
    if (document.hidden && !signal.aborted) return;
    document.removeEventListener('visibilitychange', look);
    done();
  };
  document.addEventListener('visibilitychange', look);
  signal.addEventListener('abort', look, { once: true });
  look();
});

/** Follows a stream until `signal` aborts; after a break it goes on behind the last event. */
export async function follow({ url, signal, onEvent, onState }: StreamOptions): Promise<void> {
  let last: string | null = null, wait = FIRST_WAIT;
  onState('connecting');
  while (!signal.aborted) {
    const sight = outOfSight();
    try {
      const headers = new Headers({ accept: 'text/event-stream' });
      if (last) headers.set('last-event-id', last);
      const answer = await sessionFetch(new URL(url, location.href), { headers, signal: AbortSignal.any([signal, sight.signal]) });
      if (!answer.ok || !answer.body) {
        if (answer.status < 500 && answer.status !== 429) return onState('refused');
        throw new Error(`stream: ${answer.status}`);
      }
      onState('live');
      wait = FIRST_WAIT;
      const parse = eventParser((event) => { last = event.id ?? last; onEvent(event); });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) parse(chunk.value);
    } catch {
      if (signal.aborted) return;
    } finally {
      sight.release();
    }
    if (signal.aborted) return;
    onState('reconnecting');
    await inSight(signal);
    await new Promise((done) => setTimeout(done, wait));
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}
