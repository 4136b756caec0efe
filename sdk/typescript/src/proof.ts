import { FluentProError } from './errors.js';
import type { TokenKeeper } from './tokens.js';

/** Gives the access tokens of a socket, and has them refreshed in time, together with all other calls of the client. */
export class Proof {
  #used = ''; // what the connection of now was opened with
  #stale = false; // the service wants another
  #fresh = false; // it was got by a refresh just now
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `before`: milliseconds before its end at which a token is replaced; by default 60000, or a third of its life. */
  constructor(
    private readonly tokens: TokenKeeper,
    private readonly before: number | undefined,
  ) {}

  /** Whether another token can be had than the one in use. */
  get renewable(): boolean {
    return this.tokens.refreshable || (this.tokens.current?.access_token ?? this.#used) !== this.#used;
  }

  /** The service has refused the token in use, or will. */
  spent(): void {
    this.#stale = true;
  }

  /** A token to open a connection with: another than the one that is spent, and none that is known to have expired. */
  async token(): Promise<string> {
    const { current } = this.tokens;
    if (!current) throw new FluentProError('nobody is signed in');
    const old = (this.#stale && current.access_token === this.#used) || hasExpired(current.access_token);
    return old && this.tokens.refreshable ? this.#newer(current.access_token) : this.#use(current.access_token);
  }

  /** Has `renew` called with another token in time before this one ends. */
  watch(expiresAt: string, renew: (token: string) => void): void {
    this.stop();
    // A fresh token's life is known without trusting this machine's clock.
    const { current } = this.tokens;
    const life = this.#fresh ? (current?.expires_in ?? 0) * 1000 : 0;
    const left = life || Date.parse(expiresAt) - Date.now();
    const wait = Math.max(shortest, left - (this.before ?? Math.min(60_000, left / 3)));
    this.#timer = setTimeout(() => void this.#renew(renew), Math.min(wait, longest));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async #renew(renew: (token: string) => void): Promise<void> {
    if (!this.renewable) return; // the service says when it has ended
    try {
      renew(await this.#newer(this.#used));
    } catch {
      // Perhaps the network is away for a moment. If it is more, the service says when the token has ended.
      this.#timer = setTimeout(() => void this.#renew(renew), again);
    }
  }

  async #newer(old: string): Promise<string> {
    const had = this.tokens.current;
    const fresh = await this.tokens.newerThan(old);
    if (!fresh) throw new FluentProError('the session has ended');
    this.#use(fresh.access_token);
    this.#fresh = fresh !== had;
    return this.#used;
  }

  #use(token: string): string {
    this.#used = token;
    this.#stale = this.#fresh = false;
    return token;
  }
}

/** Between two renewals, in milliseconds, whatever the clocks say. */
const shortest = 2_000;
/** Between tries of a renewal that got no answer, in milliseconds. */
const again = 5_000;
/** What a timer can hold. */
const longest = 2 ** 31 - 1;

/** Whether a token says that it has expired. One that says nothing has not. */
function hasExpired(token: string): boolean {
  try {
    const { exp } = JSON.parse(atob((token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/'))) as { exp?: unknown };
    return typeof exp === 'number' && exp * 1000 <= Date.now();
  } catch {
    return false;
  }
}
