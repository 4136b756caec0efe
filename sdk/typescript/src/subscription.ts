import { FluentProError } from './errors.js';
import type { RealtimeSubscribed } from './gen/index.js';
import { type EventOf, isLast, isRoom, type Push, type Topic } from './topics.js';

/** How a topic is subscribed to. */
export interface SubscribeOptions<T extends Topic> {
  /** A cursor to go on after, of an earlier push or of the stream of the same. */
  after?: string | undefined;
  /** Told of each push as it comes. Iterating then only waits for the end. */
  onEvent?: ((push: Push<T>) => void) | undefined;
  /** Ends the subscription at once; the iteration throws the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Pushes that may wait for a reader. One that is further behind gets an error, since a socket cannot be told to wait. */
const mostWaiting = 10_000;

/**
 * The events of one topic, through as many connections as that takes: each once, in order. The iteration ends with the
 * last event of the topic, by `break`, and by unsubscribe() or the close() of the whole; it throws where the service
 * refuses the topic, and when the connection may not come back.
 */
export class Subscription<T extends Topic = Topic> implements AsyncIterable<Push<T>> {
  /** The service's first answer, or why there is none. */
  readonly ready: Promise<RealtimeSubscribed>;
  /** What has come, whoever has read it: where a new connection goes on. */
  position: string | undefined;
  /** Whether the connection of now has said that the topic flows. What comes before is of an earlier subscription. */
  flowing = false;
  #flowed = false; // some connection has said so
  #cursor: string | undefined;
  #waiting: Push<T>[] = [];
  #over = false;
  #error: { reason: unknown } | undefined;
  #wake: () => void = () => {};
  #answer!: { resolve(told: RealtimeSubscribed): void; reject(reason: unknown): void };
  readonly #onAbort = () => this.fail(this.options.signal?.reason);

  /** `leave` tells the service that the topic is not wanted any more; it is called once, whatever the end. */
  constructor(
    readonly topic: T,
    private readonly options: SubscribeOptions<T>,
    private readonly leave: (ended: boolean) => Promise<void>,
  ) {
    this.#cursor = this.position = options.after;
    this.ready = new Promise((resolve, reject) => (this.#answer = { resolve, reject }));
    this.ready.catch(() => {}); // nobody may be waiting
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** The cursor of the push that was read last, to go on with in another process. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** Ends it. What has come and was not read is dropped. */
  async unsubscribe(): Promise<void> {
    this.#waiting = [];
    await this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Push<T>, void, undefined> {
    try {
      for (;;) {
        const push = this.#waiting.shift();
        if (push) {
          this.#cursor = push.cursor ?? this.#cursor;
          yield push;
        } else if (this.#over) {
          if (this.#error) throw this.#error.reason;
          return;
        } else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      void this.unsubscribe();
    }
  }

  /** Takes what the service said of a new connection's subscription. A gap is told to the reader. */
  told(told: RealtimeSubscribed): void {
    const resumed = this.position !== undefined || this.#flowed;
    if (!told.recovered || this.position === undefined) this.position = told.cursor;
    this.flowing = this.#flowed = true;
    if (resumed && !told.recovered && isRoom(this.topic)) {
      this.take({ event: { type: 'stream.restarted' } as EventOf<T>, cursor: told.cursor });
    }
    this.#answer.resolve(told);
    if (told.ended) void this.end(true); // there is no last event to come
  }

  /** Takes what came. */
  take(push: Push<T>): void {
    if (this.#over) return;
    this.position = push.cursor ?? this.position;
    if (this.options.onEvent) {
      this.#cursor = this.position;
      this.options.onEvent(push);
    } else if (this.#waiting.length < mostWaiting) this.#waiting.push(push);
    else return this.fail(new FluentProError(`the reader of ${this.topic} is ${mostWaiting} events behind`));
    if (isLast(this.topic, push.event.type)) void this.end(true);
    this.#wake();
  }

  /** Ends it with an error, after what has come. An aborted one ends at once. `ended`: the service knows. */
  fail(reason: unknown, ended = false): void {
    if (this.#over) return;
    this.#error = { reason };
    if (this.options.signal?.aborted) this.#waiting = [];
    void this.end(ended);
  }

  /** Ends it. `ended`: by the topic's last event, so that the service knows. */
  async end(ended = false): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.options.signal?.removeEventListener('abort', this.#onAbort);
    this.#answer.reject(this.#error?.reason ?? new FluentProError(`the subscription to ${this.topic} has ended`));
    this.#wake();
    await this.leave(ended);
  }
}
