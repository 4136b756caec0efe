import type { Entry } from './entry.js';

/** What became of a stream of Server-Sent Events. */
export interface StreamChange {
  path: string;
  open: boolean;
  resumed: boolean; // it was opened behind a cursor
}

/** The fetch of this page: it shows what goes over the wire, and streams can be cut. */
export class Network {
  readonly #streams = new Set<AbortController>();

  constructor(
    private readonly log: (entry: Entry) => void,
    private readonly changed: (change: StreamChange) => void,
  ) {}

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const request = input instanceof Request ? input : new Request(input, init);
    const path = new URL(request.url).pathname.replace('/api/v2', '');
    const asked = `${request.method} ${path}`;
    const after = request.headers.get('Last-Event-ID') ?? '';
    this.#note('out', 'http', asked, after);
    const own = new AbortController();
    const signal = AbortSignal.any([request.signal, own.signal]);
    const response = await globalThis.fetch(request, { signal });
    this.#note('in', 'http', `${response.status} ${asked}`);
    if (!response.body || !response.headers.get('Content-Type')?.startsWith('text/event-stream')) return response;
    return this.#watch(response, response.body, own, signal, { path, resumed: after !== '' });
  };

  /** Breaks all streams as a broken network does. The client resumes them by itself. */
  cut(): void {
    for (const stream of this.#streams) stream.abort();
  }

  #watch(response: Response, from: ReadableStream<Uint8Array>, own: AbortController, signal: AbortSignal, what: { path: string; resumed: boolean }): Response {
    const reader = from.getReader();
    const show = this.#reader(what.path);
    const end = () => {
      if (this.#streams.delete(own)) this.changed({ ...what, open: false });
    };
    this.#streams.add(own);
    this.changed({ ...what, open: true });
    signal.addEventListener('abort', end, { once: true });
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) return end(), controller.close();
          show(value);
          controller.enqueue(value);
        } catch (error) {
          end();
          controller.error(error);
        }
      },
      cancel(reason) {
        end();
        return reader.cancel(reason);
      },
    });
    return new Response(body, { status: response.status, headers: response.headers });
  }

  /** Shows the events of a stream; what they mean is for the client to read. */
  #reader(path: string): (bytes: Uint8Array) => void {
    const decoder = new TextDecoder();
    let rest = '';
    return (bytes) => {
      const blocks = (rest + decoder.decode(bytes, { stream: true })).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const lines = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
        this.#note('in', path, lines.get('event') ?? (lines.has('') ? 'heartbeat' : 'id and retry'), lines.get('id') ?? '', block);
      }
    };
  }

  #note(direction: 'in' | 'out', topic: string, type: string, cursor = '', text = ''): void {
    this.log({ at: Date.now(), direction, topic, type, cursor, text });
  }
}
