import { ConnectionError, ResponseError } from './errors.js';
import { type Frame, FrameDecoder } from './sse.js';

/** One connection of a stream: it ends when the caller's signal says so, on silence, and when it is closed. */
export class Connection {
  /** The reconnection time that the stream gave, in milliseconds. */
  retry: number | undefined;
  readonly #controller = new AbortController();
  readonly #aborted: Promise<never>;
  readonly #onAbort: () => void;

  constructor(
    private readonly idleTimeout: number,
    private readonly signal: AbortSignal | undefined,
  ) {
    const own = this.#controller.signal;
    this.#aborted = new Promise((_, reject) => own.addEventListener('abort', () => reject(own.reason), { once: true }));
    this.#aborted.catch(() => {}); // nobody may be waiting
    this.#onAbort = () => this.#controller.abort(signal?.reason);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  open(connect: (signal: AbortSignal) => Promise<Response>): Promise<Response> {
    return this.#watch(connect(this.#controller.signal));
  }

  /** Throws ConnectionError when it is lost, and ResponseError on what is no event stream. */
  async *frames(response: Response): AsyncGenerator<Frame, void, undefined> {
    const type = response.headers.get('Content-Type') ?? '';
    if (!type.startsWith('text/event-stream') || !response.body) throw new ResponseError('the answer is not a stream', response);
    const decoder = new FrameDecoder();
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { done, value } = await this.#watch(reader.read()).catch(lost);
        if (done) return;
        const frames = decoded(decoder, value, response);
        this.retry = decoder.retry;
        yield* frames;
      }
    } finally {
      // The signal alone may not reach it: Node.js forgets which request follows which signal when memory is collected.
      void reader.cancel().catch(() => {}); // it may be over
    }
  }

  close(): void {
    this.signal?.removeEventListener('abort', this.#onAbort);
    this.#controller.abort();
  }

  /** Waits for the other side, not longer than silence may last. */
  async #watch<T>(answer: Promise<T>): Promise<T> {
    const silent = new ConnectionError(`the stream was silent for ${this.idleTimeout} ms`);
    const timer = setTimeout(() => this.#controller.abort(silent), this.idleTimeout);
    try {
      return await Promise.race([answer, this.#aborted]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function lost(error: unknown): never {
  throw error instanceof ConnectionError ? error : new ConnectionError('the stream was cut', { cause: error });
}

function decoded(decoder: FrameDecoder, bytes: Uint8Array, response: Response): Frame[] {
  try {
    return decoder.push(bytes);
  } catch (error) {
    throw new ResponseError('the stream cannot be read', response, { cause: error });
  }
}
