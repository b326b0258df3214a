import { refreshSession } from './client';
import type { ResourceFileData } from './generated';
import { ApiProblem, toProblem } from './problem';

export interface UploadProgress { sent: number; total: number }

/** Sends one file. `fetch` tells nothing of what was sent so far, hence XMLHttpRequest. */
export async function uploadFile(file: File, onProgress: (progress: UploadProgress) => void, signal: AbortSignal): Promise<ResourceFileData> {
  try {
    return await send(file, onProgress, signal);
  } catch (problem) {
    if (problem instanceof ApiProblem && problem.status === 401 && (await refreshSession())) return send(file, onProgress, signal);
    throw problem;
  }
}

function send(file: File, onProgress: (progress: UploadProgress) => void, signal: AbortSignal): Promise<ResourceFileData> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/v1/files');
    request.upload.onprogress = (event) => onProgress({ sent: event.loaded, total: event.total || file.size });
    request.onload = () => {
      const body = parse(request.responseText);
      if (request.status < 300) resolve(body as ResourceFileData);
      else reject(toProblem(body, new Response(null, { status: request.status, headers: { 'x-request-id': request.getResponseHeader('x-request-id') ?? '' } })));
    };
    request.onerror = () => reject(new ApiProblem({}));
    request.onabort = () => reject(new DOMException('aborted', 'AbortError'));
    signal.addEventListener('abort', () => request.abort(), { once: true });
    const form = new FormData();
    form.append('file', file);
    request.send(form);
  });
}

function parse(text: string): unknown {
  try { return JSON.parse(text); } catch { return null; }
}
