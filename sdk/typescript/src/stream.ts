import { Connection } from './connection.js';
import { ConnectionError, ProblemError, ResponseError } from './errors.js';
import type { StreamClosing } from './gen/index.js';

/** How a stream is read. */
export interface StreamOptions {
  /** Ends the iteration at once, with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Milliseconds of silence that count as a lost connection. The service breaks silence every 15 s. Default 45000. */
  idleTimeout?: number | undefined;
  /** Connections in a row that bring no event before the last one's error is thrown. Default 8. */
  maxAttempts?: number | undefined;
  /**
   * Milliseconds to wait before the next connection, after `failures` in a row that brought no event (0 after one that
   * did); `hint` is what the service asks for. Default: the hint and up to 250 ms more, doubling to 30 s, at random.
   */
  delay?: ((failures: number, hint: number) => number) | undefined;
}

/** What is read, and how. */
export interface Source {
  /** Opens a connection that goes on after a cursor; `undefined` is the beginning. */
  connect(cursor: string | undefined, signal: AbortSignal): Promise<Response>;
  /** Gets a new access token. */
  renew(): Promise<void>;
  /** Types of events after which nothing comes; `session.revoked` only where it has no cursor of its own. */
  last: ReadonlySet<string>;
}

/**
 * The events of one stream, through as many connections as that takes: each once, in order. Leaving the loop closes the
 * connection and changes nothing at the service; iterating again goes on behind the last event. Types of events that
 * this package does not know come as they are.
 */
export class EventStream<E extends { type: string }> implements AsyncIterable<E> {
  #cursor: string | undefined;
  #failures = 0; // connections in a row without an event
  #begun = false; // the service has answered before
  #stale = false; // the token is about to expire
  #hint = 0; // what the service asks to wait
  #moved = false; // the last event had a cursor of its own

  constructor(
    private readonly source: Source,
    private readonly options: StreamOptions,
    lastEventId?: string,
  ) {
    this.#cursor = lastEventId;
  }

  /** The cursor of the event that came last, to go on with in another process. */
  get lastEventId(): string | undefined {
    return this.#cursor;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<E, void, undefined> {
    const { signal, idleTimeout = 45_000 } = this.options;
    this.#failures = 0;
    for (;;) {
      signal?.throwIfAborted();
      this.#failures++;
      const connection = new Connection(idleTimeout, signal);
      try {
        const response = await connection.open((own) => this.#connect(own));
        if (response.status === 204) return;
        for await (const frame of connection.frames(response)) {
          if (frame.data === undefined) {
            this.#cursor = frame.id || this.#cursor;
            continue;
          }
          const event = this.#take(frame.id, frame.data, response);
          yield event;
          signal?.throwIfAborted();
          if (this.source.last.has(event.type) && !(event.type === 'session.revoked' && this.#moved)) return;
        }
        throw new ConnectionError('the stream ended before its last event');
      } catch (error) {
        signal?.throwIfAborted();
        if (!this.#mayRepeat(error)) throw error;
      } finally {
        connection.close();
      }
      await pause((this.options.delay ?? delay)(this.#failures, Math.min(this.#hint || (connection.retry ?? 0), longest)), signal);
    }
  }

  async #connect(signal: AbortSignal): Promise<Response> {
    if (this.#stale) await this.source.renew();
    this.#stale = false;
    const response = await this.source.connect(this.#cursor, signal);
    this.#begun = true;
    this.#hint = 0;
    return response;
  }

  #take(id: string, data: string, response: Response): E {
    const event = parsed<E>(data, response);
    this.#moved = id !== '' && id !== this.#cursor;
    if (this.#moved) {
      this.#cursor = id;
      this.#failures = 0;
    }
    if (isClosing(event)) {
      this.#hint = event.retry_ms;
      this.#stale = event.reason === 'token_expiring';
      if (this.#stale) this.#failures = 0; // it was open for as long as it could be
    }
    return event;
  }

  /** Whether another connection may do better. Takes the wait that the error asks for. */
  #mayRepeat(error: unknown): boolean {
    if (this.#failures >= (this.options.maxAttempts ?? 8)) return false;
    if (error instanceof ConnectionError) return true;
    if (!(error instanceof ProblemError || error instanceof ResponseError)) return false;
    this.#hint = (error.retryAfter ?? 0) * 1000;
    // The answer to a message that was lost may still be in the making when it is asked for again.
    if (error instanceof ProblemError && error.code === 'idempotency.in_progress') return true;
    return this.#begun && [429, 502, 503, 504].includes(error.status);
  }
}

/** No wait is longer, whatever the service asks for, in milliseconds. */
const longest = 300_000;

function delay(failures: number, hint: number): number {
  return hint + Math.random() * Math.min(30_000, 250 * 2 ** failures);
}

function parsed<E extends { type: string }>(data: string, response: Response): E {
  try {
    const event = JSON.parse(data) as E;
    if (typeof event.type === 'string') return event;
  } catch {
    // The same mistake.
  }
  throw new ResponseError(`this is no event: ${data.slice(0, 200)}`, response);
}

function isClosing(event: { type: string }): event is StreamClosing {
  return event.type === 'stream.closing';
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', end, { once: true });
  });
}
