import type { FieldProblem, Problem, ProblemCode } from './gen/index.js';

/** What every error of this package is. Aborting is none: it throws the signal's reason. */
export class FluentProError extends Error {
  override name = 'FluentProError';
}

/** The service refused, and says why (RFC 9457, `application/problem+json`). */
export class ProblemError extends FluentProError {
  override name = 'ProblemError';
  /** The HTTP status; 200 where an export that had begun ended with the problem. */
  readonly status: number;
  /** A stable slug to act on. A service newer than this package may send ones that are not in the type. */
  readonly code: ProblemCode;
  /** The status in words. */
  readonly title: string;
  /** What is wrong this time. */
  readonly detail: string;
  /** To be quoted when asking for help; '' if unknown. */
  readonly requestId: string;
  /** The places in the request that are at fault; often empty. */
  readonly errors: FieldProblem[];
  /** Seconds to wait before trying again, where the service says so. */
  readonly retryAfter: number | undefined;
  /** All that was sent, with the members that only some problems have, such as `reply_id`. */
  readonly problem: Partial<Problem> & Record<string, unknown>;

  constructor(problem: Pick<Problem, 'code' | 'detail'> & Record<string, unknown>, response: Response) {
    super(`${problem.code}: ${problem.detail}`);
    this.problem = problem;
    this.status = response.status;
    this.code = problem.code;
    this.title = this.problem.title ?? response.statusText;
    this.detail = problem.detail;
    this.requestId = this.problem.request_id ?? response.headers.get('X-Request-ID') ?? '';
    this.errors = this.problem.errors ?? [];
    this.retryAfter = seconds(response.headers.get('Retry-After'));
  }
}

/**
 * The answer is not what the contract says, a proxy's error page for instance; or it is a 304, where the request had
 * `If-None-Match` and the caller holds the current state.
 */
export class ResponseError extends FluentProError {
  override name = 'ResponseError';
  readonly status: number;
  /** Seconds to wait before trying again, where the answer says so. */
  readonly retryAfter: number | undefined;

  constructor(message: string, response: Response, options?: ErrorOptions) {
    super(message, options);
    this.status = response.status;
    this.retryAfter = seconds(response.headers.get('Retry-After'));
  }
}

/** No answer, or only a part of one. Whether the request had an effect is not known. */
export class ConnectionError extends FluentProError {
  override name = 'ConnectionError';
}

/** The WebSocket is closed and does not come back: by its own close(), or since the service said so. */
export class RealtimeClosedError extends FluentProError {
  override name = 'RealtimeClosedError';

  constructor(
    /** The close code; 4500 to 4999 say that something has to change first. */
    readonly code: number,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`the WebSocket is closed: ${code} ${reason}`, options);
  }
}

/** Makes one of the errors above of what a request failed with; `signal` is the caller's. */
export function toError(error: unknown, response: Response | undefined, request: Request | undefined): unknown {
  if (error instanceof FluentProError || request?.signal.aborted) return error;
  if (request === undefined) return error; // it could not even be built: the caller's mistake
  const asked = `${request.method} ${new URL(request.url).pathname}`;
  if (response === undefined) return new ConnectionError(`${asked}: no answer`, { cause: error });
  if (isProblem(error)) return new ProblemError(error, response);
  if (!response.ok) return new ResponseError(`${asked}: ${response.status} ${response.statusText}`.trimEnd(), response);
  if (error instanceof SyntaxError) return new ResponseError(`${asked}: the answer is not JSON`, response, { cause: error });
  return new ConnectionError(`${asked}: the answer was cut`, { cause: error });
}

/** Whether a value has what every problem has. */
export function isProblem(value: unknown): value is Problem & Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const { code, detail } = value as Record<string, unknown>;
  return typeof code === 'string' && typeof detail === 'string';
}

function seconds(retryAfter: string | null): number | undefined {
  if (retryAfter === null) return undefined;
  const number = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isFinite(number) ? Math.max(0, number) : undefined;
}
