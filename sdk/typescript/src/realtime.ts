import { delay, type Ending, verdict } from './closing.js';
import { Commands, type Kind, problemOf, type Verb } from './commands.js';
import { ConnectionError, FluentProError, ProblemError, RealtimeClosedError, ResponseError } from './errors.js';
import type {
  RealtimeCancelMessage,
  RealtimeConnected,
  RealtimePush,
  RealtimeReply,
  RealtimeResults,
  RealtimeSendMessage,
  RealtimeSubscribed,
} from './gen/index.js';
import { Proof } from './proof.js';
import { Silence } from './silence.js';
import { type SubscribeOptions, Subscription } from './subscription.js';
import type { TokenKeeper } from './tokens.js';
import type { Push, Topic } from './topics.js';
import { Transport, type WebSocketConstructor } from './transport.js';

/** What becomes of the connection. */
export type RealtimeState =
  | { status: 'connecting' }
  | { status: 'open'; connection: RealtimeConnected }
  /** It was lost for this reason, and the next is tried after `delay` milliseconds. */
  | { status: 'waiting'; code: number; reason: string; delay: number }
  /** For good: by close() with code 1000, else for `error`. */
  | { status: 'closed'; code: number; reason: string; error?: unknown };

/** One frame as it went over the wire; the token in it is hidden. */
export interface RawFrame {
  direction: 'in' | 'out';
  text: string;
  /** Milliseconds since 1970. */
  at: number;
}

export interface RealtimeOptions {
  /** Default: that of the platform. Node.js has one from version 22 on; `ws` is one for earlier versions. */
  WebSocket?: WebSocketConstructor | undefined;
  /** Milliseconds that a command may take, waiting for a connection included. Default 15000. */
  timeout?: number | undefined;
  /** Milliseconds before its end at which the access token is replaced. Default 60000, or a third of what it has left. */
  renewBefore?: number | undefined;
  /**
   * Milliseconds to wait before the next connection, after `failures` in a row that did not last; `hint` is what the
   * service asks for. Default: the hint and up to 250 ms more, doubling to 10 s, at random.
   */
  delay?: ((failures: number, hint: number) => number) | undefined;
  /** Told of each change of the state. */
  onState?: ((state: RealtimeState) => void) | undefined;
  /** Shown each frame in and out. */
  onFrame?: ((frame: RawFrame) => void) | undefined;
}

const mostSubscriptions = 32;
/** What a command may hold. A frame has 64 KiB. */
const mostBytes = (64 << 10) - 256;
/** What a connection may take until it is open, in milliseconds. */
const openWithin = 10_000;
/** A connection that was open for as long, in milliseconds, was a good one. */
const lasting = 10_000;

/**
 * One WebSocket for all that moves, through as many connections as that takes: subscriptions go on behind their last
 * event, and commands wait for the next connection. It connects by itself, until close() or until the service says to
 * stay away; then all rejects with a RealtimeClosedError.
 */
export class Realtime {
  #state: RealtimeState = { status: 'connecting' };
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #commands = new Commands();
  readonly #proof: Proof;
  #transport: Transport | undefined;
  #silence: Silence | undefined;
  #openedAt: number | undefined;
  #hint = 0; // what the service asked to wait
  #refusal: ProblemError | undefined; // of the first frame
  #failures = 0; // connections in a row that did not last
  #refusedProofs = 0; // since a connection was open
  #wake: () => void = () => {};

  constructor(
    private readonly url: string,
    tokens: TokenKeeper,
    private readonly options: RealtimeOptions = {},
  ) {
    this.#proof = new Proof(tokens, options.renewBefore);
    void this.#run();
  }

  get state(): RealtimeState {
    return this.#state;
  }

  /**
   * The events of a topic. One topic has one subscription at a time, and there are 32 at most. A conversation and a task
   * begin with how they are, a room and `user:me` with what happens from now on. Who subscribes to a room is in it.
   */
  subscribe<T extends Topic>(topic: T, options: SubscribeOptions<T> = {}): Subscription<T> {
    options.signal?.throwIfAborted();
    this.#mustLive();
    if (this.#subscriptions.has(topic)) throw new FluentProError(`there is a subscription to ${topic} already`);
    if (this.#subscriptions.size >= mostSubscriptions) throw new FluentProError(`there are ${mostSubscriptions} subscriptions already; that is all a connection has`);
    const made: Subscription<T> = new Subscription(topic, options, (ended) => this.#leave(made as unknown as Subscription, ended));
    const subscription = made as unknown as Subscription;
    this.#subscriptions.set(topic, subscription);
    if (this.#state.status === 'open') void this.#subscribe(subscription);
    return made;
  }

  /** Asks whether the connection is heard. */
  async ping(): Promise<void> {
    await this.#call('ping', {}, 'repeat');
  }

  /** Has a value come back. */
  async echo<V>(value: V): Promise<V> {
    return (await this.#call('echo', value, 'repeat')) as V;
  }

  /**
   * Says something, as createMessage; the reply comes on the topic of the conversation. It is said once, however many
   * connections that takes; with a key of one's own also when it is called again.
   */
  sendMessage(message: Omit<RealtimeSendMessage, 'idempotency_key'> & { idempotency_key?: string }): Promise<RealtimeResults['send_message']> {
    return this.#call('send_message', { ...message, idempotency_key: message.idempotency_key ?? crypto.randomUUID() }, 'repeat');
  }

  /** Stops a reply. */
  cancelMessage(message: RealtimeCancelMessage): Promise<RealtimeResults['cancel_message']> {
    return this.#call('cancel_message', message, 'repeat');
  }

  /**
   * Says something in a room that is subscribed to. Where the connection is lost before the answer, nobody knows whether
   * it was said: it throws ConnectionError then, and is not said again.
   */
  publish(topic: `room:${string}`, data: Record<string, unknown>): Promise<RealtimeResults['publish']> {
    return this.#call('publish', { topic, data }, 'once');
  }

  /** Who is in a room that is subscribed to. */
  presence(topic: `room:${string}`): Promise<RealtimeResults['presence']> {
    return this.#call('presence', { topic }, 'repeat');
  }

  /** Ends it: iterations end, and commands without an answer reject. */
  close(): void {
    this.#end(1000, 'closed by this client');
  }

  /** Drops the connection as a broken network does, to try what happens. The next one comes by itself. */
  cut(): void {
    this.#transport?.lose('cut');
  }

  async #call<V extends Verb & keyof RealtimeResults>(verb: V, argument: unknown, kind: Kind): Promise<Required<RealtimeResults>[V]> {
    this.#mustLive();
    // The service closes for good on a frame that is too large.
    if (new TextEncoder().encode(JSON.stringify(argument) ?? '').length > mostBytes) throw new FluentProError(`${verb}: more than ${mostBytes} bytes`);
    return (await this.#commands.call(verb, argument, kind, { timeout: this.options.timeout ?? 15_000 })) as Required<RealtimeResults>[V];
  }

  #mustLive(): void {
    if (this.#state.status === 'closed') throw this.#state.error ?? new RealtimeClosedError(this.#state.code, this.#state.reason);
  }

  #show(state: RealtimeState): void {
    this.#state = state;
    this.options.onState?.(state);
  }

  get #closed(): boolean {
    return this.#state.status === 'closed';
  }

  /** Connects, again and again. */
  async #run(): Promise<void> {
    while (!this.#closed) {
      this.#show({ status: 'connecting' });
      const ending = await this.#connection();
      if (ending) await this.#consider(ending);
    }
  }

  /** One connection, to its end; `undefined`: all has ended. */
  async #connection(): Promise<Ending | undefined> {
    this.#hint = 0;
    this.#refusal = this.#openedAt = undefined;
    let token: string;
    try {
      token = await this.#proof.token();
    } catch (error) {
      // A refresh that got no answer may get one later. One that was refused will not.
      if (error instanceof ConnectionError || (error instanceof ResponseError && error.status >= 500)) return { code: 1006, reason: error.message };
      return void this.#end(4401, error instanceof Error ? error.message : 'there is no token', error);
    }
    if (this.#closed) return undefined;
    try {
      const make = this.options.WebSocket ?? globalThis.WebSocket;
      if (!make) throw new FluentProError('this platform has no WebSocket; give one as the option WebSocket');
      this.#transport = new Transport(make, this.url, { open: () => void this.#open(token), text: (text) => this.#take(text) });
    } catch (error) {
      return void this.#end(1006, 'no WebSocket can be made', error);
    }
    const late = setTimeout(() => this.#openedAt ?? this.#transport?.lose(`not open within ${openWithin} ms`), openWithin);
    const ending = await this.#transport.ended;
    clearTimeout(late);
    this.#clear();
    return ending;
  }

  /** Nothing of a connection is left. */
  #clear(): void {
    this.#proof.stop();
    this.#silence?.stop();
    this.#silence = undefined;
    this.#commands.lost();
    for (const subscription of this.#subscriptions.values()) subscription.flowing = false;
  }

  /** Does what an end asks for, and waits as long. */
  async #consider(ending: Ending): Promise<void> {
    if (this.#closed) return;
    const { what, hint } = verdict(ending, this.#hint, this.#refusal);
    const lost = what === 'renew' && (!this.#proof.renewable || this.#refusedProofs++ > 0);
    if (what === 'away' || lost) {
      const error = new RealtimeClosedError(ending.code, ending.reason, this.#refusal && { cause: this.#refusal });
      return this.#end(ending.code, ending.reason, error);
    }
    if (what === 'renew') this.#proof.spent();
    if (this.#openedAt !== undefined && Date.now() - this.#openedAt >= lasting) this.#failures = 0;
    const wait = (this.options.delay ?? delay)(this.#failures++, hint);
    this.#show({ status: 'waiting', ...ending, delay: wait });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.#wake = () => (clearTimeout(timer), resolve());
    });
  }

  /** Says who one is, and what the lost connection was subscribed to. */
  async #open(token: string): Promise<void> {
    const resumed = [...this.#subscriptions.values()];
    const resume = resumed.map(({ topic, position: after }) => ({ topic, after }));
    const onResult = (connected: unknown) => this.#opened(connected as RealtimeConnected, resumed);
    try {
      await this.#commands.begin((...frame) => this.#write(...frame), { token, resume }, { onResult });
    } catch (error) {
      if (error instanceof ProblemError) this.#refusal = error; // the service closes now
    }
  }

  #opened(connected: RealtimeConnected, resumed: Subscription[]): void {
    this.#openedAt = Date.now();
    this.#refusedProofs = 0;
    this.#silence = new Silence(connected.ping_seconds * 1000, {
      ask: () => void this.#commands.call('ping', {}, 'drop').catch(() => {}), // its reply is what counts
      lost: () => this.#transport?.lose(`silent for more than ${2 * connected.ping_seconds} s`),
    });
    this.#watchToken(connected);
    this.#commands.flow();
    for (const [i, subscription] of resumed.entries()) {
      const told = connected.subscriptions[i];
      if (told) this.#told(subscription, told);
    }
    const others = [...this.#subscriptions.values()].filter((each) => !resumed.includes(each));
    this.#show({ status: 'open', connection: connected });
    for (const subscription of others) if (!subscription.flowing) void this.#subscribe(subscription);
  }

  #watchToken(connected: RealtimeConnected): void {
    const transport = this.#transport;
    this.#proof.watch(connected.expires_at, async (token) => {
      try {
        this.#watchToken((await this.#commands.call('connect', { token }, 'drop')) as RealtimeConnected);
      } catch (error) {
        // A token that this connection does not take, of another session for instance, opens the next one.
        if (error instanceof ProblemError) transport?.lose(error.message);
      }
    });
  }

  /** Hands on what the service says of a subscription. One that was left meanwhile is told to the service. */
  #told(subscription: Subscription, told: RealtimeSubscribed): void {
    const current = this.#subscriptions.get(subscription.topic);
    if (current !== subscription) {
      if (!told.error && !current) void this.#unsubscribe(subscription.topic);
    } else if (told.error) subscription.fail(problemOf(told.error), true);
    else subscription.told(told);
  }

  async #subscribe(subscription: Subscription): Promise<void> {
    const { topic, position: after } = subscription;
    const onResult = (told: unknown) => subscription.told(told as RealtimeSubscribed);
    try {
      await this.#commands.call('subscribe', { topic, after }, 'drop', { onResult });
    } catch (error) {
      if (!(error instanceof ConnectionError)) subscription.fail(error, true); // the next connection brings it back
    }
  }

  async #leave(subscription: Subscription, ended: boolean): Promise<void> {
    if (this.#subscriptions.get(subscription.topic) !== subscription) return;
    this.#subscriptions.delete(subscription.topic);
    if (!ended && this.#state.status === 'open') await this.#unsubscribe(subscription.topic);
  }

  /** A connection that is lost has no subscriptions either. */
  #unsubscribe(topic: string): Promise<unknown> {
    return this.#commands.call('unsubscribe', { topic }, 'drop').catch(() => {});
  }

  #write(id: string, verb: Verb, argument: unknown): void {
    this.#transport?.send(JSON.stringify({ id, [verb]: argument }));
    if (!this.options.onFrame) return;
    const shown = verb === 'connect' ? { ...(argument as object), token: '***' } : argument;
    this.options.onFrame({ direction: 'out', text: JSON.stringify({ id, [verb]: shown }), at: Date.now() });
  }

  #take(text: string): void {
    this.#silence?.heard();
    this.options.onFrame?.({ direction: 'in', text, at: Date.now() });
    let frame: Partial<RealtimeReply & RealtimePush>;
    try {
      frame = JSON.parse(text) as typeof frame;
    } catch {
      return this.#transport?.lose('a frame that is not JSON');
    }
    if (frame.id !== undefined) return this.#commands.reply(frame as RealtimeReply);
    const { topic, event, cursor } = frame;
    if (topic === undefined || event === undefined) return;
    if (topic === 'connection') {
      if (event.type === 'stream.closing') this.#hint = event.retry_ms;
      return;
    }
    const subscription = this.#subscriptions.get(topic);
    if (subscription?.flowing) subscription.take({ event, cursor } as Push);
  }

  #end(code: number, reason: string, error?: unknown): void {
    if (this.#closed) return;
    this.#transport?.close();
    this.#show({ status: 'closed', code, reason, ...(error === undefined ? {} : { error }) });
    this.#clear();
    this.#commands.fail(error ?? new RealtimeClosedError(code, reason));
    for (const subscription of [...this.#subscriptions.values()]) {
      if (error === undefined) void subscription.end();
      else subscription.fail(error);
    }
    this.#wake();
  }
}
