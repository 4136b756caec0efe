import type { Ending } from './closing.js';

/** What is needed of a WebSocket: that of browsers, of Node.js 22 and of the package `ws` have it. */
export interface WebSocketLike {
  // Their listeners differ in the type of the event alone.
  /* eslint-disable @typescript-eslint/no-explicit-any */
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  /* eslint-enable @typescript-eslint/no-explicit-any */
  send(data: string): void;
  close(code?: number, reason?: string): void;
  /** Ends it without a word. Browsers have none. */
  terminate?(): void;
}

export type WebSocketConstructor = new (url: string, protocol: string) => WebSocketLike;

/** What is spoken. */
const subprotocol = 'fluentpro.v2.json';

/** One WebSocket, until it is closed or lost. */
export class Transport {
  /** Fulfilled once. */
  readonly ended: Promise<Ending>;
  #end!: (ending: Ending) => void;
  #over = false;
  #error = '';
  readonly #socket: WebSocketLike;

  constructor(make: WebSocketConstructor, url: string, on: { open(): void; text(text: string): void }) {
    this.ended = new Promise((resolve) => (this.#end = resolve));
    this.#socket = new make(url, subprotocol);
    this.#socket.onopen = () => this.#over || on.open();
    this.#socket.onmessage = ({ data }: { data: unknown }) => this.#over || on.text(String(data));
    this.#socket.onerror = ({ message }: { message?: unknown }) => (this.#error = typeof message === 'string' ? message : '');
    this.#socket.onclose = ({ code, reason }: Ending) => this.#finish(code, reason || this.#error || 'the connection was lost');
  }

  send(text: string): void {
    if (!this.#over) this.#socket.send(text);
  }

  /** Closes it as is proper. Nothing is heard of it any more. */
  close(): void {
    this.#finish(1000, 'closed by this client');
    this.#socket.close(1000);
  }

  /** Drops it as a broken network does. Nothing is heard of it any more. */
  lose(reason: string): void {
    this.#finish(1006, reason);
    if (this.#socket.terminate) this.#socket.terminate();
    else this.#socket.close();
  }

  #finish(code: number, reason: string): void {
    this.#over = true;
    this.#end({ code, reason });
  }
}
