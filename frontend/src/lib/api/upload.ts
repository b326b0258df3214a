import { DetailedError, Upload, type HttpResponse, type PreviousUpload } from 'tus-js-client';
import { refreshSession, sessionFetch } from './client';
import { getFile, type ResourceFileData } from './generated';
import { ApiProblem, toProblem } from './problem';

const ENDPOINT = '/v1/uploads';
/** What is sent in one request: proxies that hold a body back hold no more than this. */
const CHUNK = 16 * 1024 * 1024;
/** Milliseconds between attempts; the count begins anew whenever bytes arrive. */
const RETRIES = [0, 500, 1000, 2000, ...Array<number>(30).fill(4000)];
const MADE_SOON = 1000; // ms

export interface UploadEvents {
  onProgress: (sent: number) => void;
  /** The connection is lost, and it is tried again by itself. */
  onRetry: () => void;
  onDone: (dataset: ResourceFileData) => void;
  onProblem: (problem: unknown) => void;
}

export interface Sending {
  start: () => void;
  pause: () => void;
  /** Gives it up, on the server too. */
  cancel: () => void;
}

/** Sends one file by tus: it goes on where it was cut, also after a reload, when the same file is chosen again. */
export function sendFile(file: File, events: UploadEvents): Sending {
  let stopped = false;
  const upload = new Upload(file, {
    endpoint: new URL(ENDPOINT, location.href).href,
    chunkSize: CHUNK,
    retryDelays: RETRIES,
    metadata: { filename: file.name },
    removeFingerprintOnSuccess: true,
    onProgress: (sent) => events.onProgress(sent),
    onAfterResponse: async (_, answer) => { if (answer.getStatus() === 401) await refreshSession(); },
    onShouldRetry: (error) => {
      const status = error.originalResponse?.getStatus() ?? 0;
      const again = status === 0 || status === 401 || status === 409 || status === 423 || status === 429 || status >= 500 && status !== 507;
      if (again) events.onRetry();
      return again;
    },
    onError: (error) => { if (!stopped) events.onProblem(problemOf(error)); },
    onSuccess: ({ lastResponse }) => { void madeOf(upload, lastResponse).then(events.onDone, events.onProblem); },
  });
  return {
    start: () => {
      stopped = false;
      if (file.size === 0) return events.onProblem(new ApiProblem({ status: 422, code: 'csv_empty' }));
      void upload.findPreviousUploads().then(([previous]) => {
        if (stopped) return;
        if (previous && !upload.url) upload.resumeFromPreviousUpload(previous);
        upload.start();
      });
    },
    pause: () => { stopped = true; void upload.abort(); },
    cancel: () => { stopped = true; void upload.abort(true).catch(() => {}); },
  };
}

/** The dataset that the last bytes made; a large one is read for a while after they arrived. */
async function madeOf(upload: Upload, answer: HttpResponse): Promise<ResourceFileData> {
  let id: string | null | undefined = answer.getHeader('Upload-File');
  while (!id) {
    await new Promise((done) => setTimeout(done, MADE_SOON));
    const head = await sessionFetch(new URL(upload.url ?? '', location.href), { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } });
    if (!head.ok) throw toProblem(null, head);
    id = head.headers.get('upload-file');
  }
  return (await getFile({ path: { id }, throwOnError: true })).data;
}

function problemOf(error: Error | DetailedError): unknown {
  const answer = error instanceof DetailedError ? error.originalResponse : null;
  if (!answer || answer.getStatus() === 0) return new ApiProblem({});
  const headers = new Headers();
  for (const name of ['x-request-id', 'retry-after']) { const value = answer.getHeader(name); if (value) headers.set(name, value); }
  return toProblem(parse(answer.getBody()), new Response(null, { status: answer.getStatus(), headers }));
}

function parse(text: string): unknown {
  try { return JSON.parse(text); } catch { return null; }
}

/** An upload that was cut by leaving: what arrived is kept, and goes on when the same file is chosen again. */
export interface CutUpload { key: string; name: string; size: number; sent: number; url: string }

/** Those of this browser that the server still keeps. */
export async function cutUploads(): Promise<CutUpload[]> {
  const known = Object.entries(localStorage).flatMap(([key, value]): [string, PreviousUpload][] => (key.startsWith('tus::') && typeof value === 'string' ? [[key, JSON.parse(value) as PreviousUpload]] : []));
  const asked = known.map(async ([key, { uploadUrl, size, metadata }]): Promise<CutUpload | null> => {
    if (!uploadUrl) return null;
    const head = await sessionFetch(new URL(uploadUrl, location.href), { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } });
    if (head.status === 404 || head.status === 410) localStorage.removeItem(key);
    const sent = Number(head.headers.get('upload-offset') ?? 0);
    return head.ok && !head.headers.has('upload-file') ? { key, name: metadata.filename ?? '', size: size ?? 0, sent, url: uploadUrl } : null;
  });
  return (await Promise.all(asked)).filter((cut) => cut !== null);
}

export async function giveUp({ key, url }: CutUpload): Promise<void> {
  localStorage.removeItem(key);
  await sessionFetch(new URL(url, location.href), { method: 'DELETE', headers: { 'tus-resumable': '1.0.0' } });
}
