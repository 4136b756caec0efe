import { ConnectionError, FluentProError, isProblem, ProblemError } from './errors.js';
import type { RealtimeCommand, RealtimeReply } from './gen/index.js';
import { Pace } from './pace.js';

export type Verb = Exclude<keyof RealtimeCommand, 'id'>;

/**
 * What becomes of a command when its connection is lost. `repeat`: it is sent again, since twice is the same as once;
 * `once`: if it was sent its outcome is not known, and it fails; `drop`: it meant that connection only, and fails.
 */
export type Kind = 'repeat' | 'once' | 'drop';

/** How a command is waited for. */
export interface Waiting {
  /** Milliseconds, for a connection and for the reply. */
  timeout?: number;
  /** Takes the result before the next frame is taken, which a promise does not. */
  onResult?(result: unknown): void;
}

interface Command {
  id: string;
  verb: Verb;
  argument: unknown;
  kind: Kind;
  sent: boolean;
  resolve(result: unknown): void;
  reject(reason: unknown): void;
  settled: boolean;
}

/** Commands in their order: those that wait for a connection or for their turn, and those that wait for their reply. */
export class Commands {
  #next = 0;
  #waiting: Command[] = [];
  readonly #sent = new Map<string, Command>();
  #send: ((id: string, verb: Verb, argument: unknown) => void) | undefined;
  #pace = new Pace();
  #flowing = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Sends a command when it can be, and gives its result. */
  call(verb: Verb, argument: unknown, kind: Kind, waiting: Waiting = {}): Promise<unknown> {
    // On the next connection it would mean something else.
    if (kind === 'drop' && !this.#flowing) return Promise.reject(new ConnectionError(`${verb}: the connection was lost`));
    const { promise, command } = this.#make(verb, argument, kind, waiting);
    this.#waiting.push(command);
    this.#pump();
    return promise;
  }

  /** Takes a connection up with its first command; the others wait for flow(). */
  begin(send: (id: string, verb: Verb, argument: unknown) => void, argument: unknown, waiting: Waiting): Promise<unknown> {
    this.#send = send;
    this.#pace = new Pace();
    const { promise, command } = this.#make('connect', argument, 'drop', waiting);
    this.#write(command);
    return promise;
  }

  flow(): void {
    this.#flowing = true;
    this.#pump();
  }

  /** Takes a reply. One that nobody waits for any more is let go. */
  reply(reply: RealtimeReply): void {
    const command = this.#sent.get(reply.id);
    if (!command) return;
    this.#sent.delete(reply.id);
    if (reply.error === undefined) return command.resolve(reply.result);
    const error = problemOf(reply.error);
    // The reply to one that was sent before and lost: that is not finished yet, and will be the answer.
    if (command.kind === 'repeat' && error instanceof ProblemError && error.code === 'idempotency.in_progress') {
      setTimeout(() => this.#again(command), (error.retryAfter ?? 0.5) * 1000);
    } else command.reject(error);
  }

  /** The connection is gone. */
  lost(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#send = undefined;
    this.#flowing = false;
    const all = [...this.#sent.values(), ...this.#waiting];
    this.#sent.clear();
    this.#waiting = [];
    for (const command of all) {
      const unknown = command.sent && command.kind === 'once';
      if (unknown) command.reject(new ConnectionError(`${command.verb}: the connection was lost before the answer; the outcome is unknown`));
      else if (command.kind === 'drop') command.reject(new ConnectionError(`${command.verb}: the connection was lost`));
      else this.#waiting.push(command);
    }
  }

  /** There will be no connection any more. */
  fail(reason: unknown): void {
    this.lost();
    for (const command of this.#waiting.splice(0)) command.reject(reason);
  }

  #make(verb: Verb, argument: unknown, kind: Kind, { timeout, onResult }: Waiting): { promise: Promise<unknown>; command: Command } {
    const command = { id: String(++this.#next), verb, argument, kind, sent: false, settled: false } as Command;
    const promise = new Promise<unknown>((resolve, reject) => {
      const late = () => command.reject(new ConnectionError(`${verb}: no answer within ${timeout} ms${command.sent ? '; the outcome is unknown' : ''}`));
      const timer = timeout === undefined ? undefined : setTimeout(late, timeout);
      const settle = <A>(how: (value: A) => void) => (value: A) => {
        clearTimeout(timer);
        this.#sent.delete(command.id);
        command.settled = true;
        how(value);
      };
      command.resolve = settle((result) => {
        onResult?.(result);
        resolve(result);
      });
      command.reject = settle(reject);
    });
    return { promise, command };
  }

  #again(command: Command): void {
    if (command.settled) return;
    this.#waiting.unshift(command);
    this.#pump();
  }

  #pump(): void {
    while (this.#flowing && this.#timer === undefined) {
      this.#waiting = this.#waiting.filter(({ settled }) => !settled);
      const [command] = this.#waiting;
      if (!command) return;
      const wait = this.#pace.next(Date.now());
      if (wait > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.#pump();
        }, wait);
        return;
      }
      this.#waiting.shift();
      this.#write(command);
    }
  }

  #write(command: Command): void {
    command.sent = true;
    this.#sent.set(command.id, command);
    this.#send?.(command.id, command.verb, command.argument);
  }
}

/** The error of a problem that came in a frame, which has no header to say when to try again. */
export function problemOf(problem: unknown): FluentProError {
  if (!isProblem(problem)) return new FluentProError(`this is no problem: ${JSON.stringify(problem)}`);
  const { status, retry_after_seconds: seconds } = problem as { status?: number; retry_after_seconds?: number };
  const headers: Record<string, string> = typeof seconds === 'number' ? { 'Retry-After': String(Math.ceil(seconds)) } : {};
  const known = typeof status === 'number' && status >= 400 && status < 600;
  return new ProblemError(problem, new Response(null, { status: known ? status : 500, headers }));
}
