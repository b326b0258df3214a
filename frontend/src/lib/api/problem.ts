import type { FieldProblem, Problem } from './generated';

/** A refusal as the interface handles it: an RFC 9457 problem, or `offline` when there was no answer at all. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string | null;
  readonly errors: FieldProblem[];
  /** Seconds after which the same request may succeed, when the server says so. */
  readonly retryAfter: number | null;
  readonly at = new Date();

  constructor(problem: Partial<Problem>, retryAfter: number | null = null) {
    super(problem.detail ?? problem.title ?? 'no answer');
    this.name = 'ApiProblem';
    this.status = problem.status ?? 0;
    this.code = problem.code ?? 'offline';
    this.requestId = problem.request_id ?? null;
    this.errors = problem.errors ?? [];
    this.retryAfter = retryAfter;
  }

  /** Whether it is about this field, such as `/name`. */
  isAbout(pointer: string): boolean {
    return this.errors.some((error) => error.pointer === pointer);
  }
}

/** Whether a change was refused because what it was made to is there no more: somebody else saved first. */
export const isStale = (problem: unknown): boolean => problem instanceof ApiProblem && problem.code === 'precondition_failed';

const isProblem = (body: unknown): body is Problem => typeof body === 'object' && body !== null && 'code' in body && 'status' in body;

/** What any failed call becomes, whatever it failed with. */
export function toProblem(body: unknown, response?: Response): unknown {
  if (body instanceof ApiProblem) return body;
  if (body instanceof DOMException && body.name === 'AbortError') return body;
  const seconds = Number(response?.headers.get('retry-after') ?? Number.NaN);
  const retryAfter = Number.isFinite(seconds) ? seconds : null;
  if (isProblem(body)) return new ApiProblem(body, retryAfter);
  if (!response) return new ApiProblem({});
  return new ApiProblem({ status: response.status, code: 'no_problem', request_id: response.headers.get('x-request-id') ?? undefined, detail: response.statusText }, retryAfter);
}
