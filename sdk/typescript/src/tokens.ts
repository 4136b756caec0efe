import { ConnectionError, isProblem, ProblemError } from './errors.js';
import type { Tokens } from './gen/index.js';

/** The tokens of a session. Without a refresh token it ends with the access token. */
export type SessionTokens = Pick<Tokens, 'access_token'> & Partial<Tokens>;

export interface TokenOptions {
  /** Those of an earlier run, if any. signUp, logIn and refreshSession replace them. */
  tokens?: SessionTokens | undefined;
  /**
   * Told of new tokens before they are used, so that the application can store them: a refresh token is good once.
   * `undefined` says that the session is over and the user has to sign in.
   */
  onTokens?: (tokens: SessionTokens | undefined) => void | Promise<void>;
  /** Gets new tokens in place of refreshSession, from another issuer for instance. */
  refresh?: (stale: SessionTokens) => Promise<SessionTokens>;
}

type Refresh = NonNullable<TokenOptions['refresh']>;

/** Keeps the tokens, and trades them for new ones once, however many ask at a time. */
export class TokenKeeper {
  #current: SessionTokens | undefined;
  #refreshing: Promise<SessionTokens> | undefined;
  readonly #onTokens: TokenOptions['onTokens'];
  readonly #refresh: Refresh | undefined;

  /** `trade` is used where the options have no way of their own and there is a refresh token. */
  constructor(
    options: TokenOptions,
    private readonly trade: (refreshToken: string) => Promise<SessionTokens>,
  ) {
    this.#current = options.tokens;
    this.#onTokens = options.onTokens;
    this.#refresh = options.refresh;
  }

  get current(): SessionTokens | undefined {
    return this.#current;
  }

  async set(tokens: SessionTokens | undefined): Promise<void> {
    if (this.#current?.access_token === tokens?.access_token) return;
    this.#current = tokens;
    await this.#onTokens?.(tokens);
  }

  /** Whether refreshing can be tried. */
  get refreshable(): boolean {
    return this.#current !== undefined && (this.#refresh !== undefined || this.#current.refresh_token !== undefined);
  }

  /** Gives tokens that are newer than this access token; `undefined` if the session ended meanwhile. */
  async newerThan(accessToken: string): Promise<SessionTokens | undefined> {
    if (this.#current?.access_token !== accessToken) return this.#current;
    this.#refreshing ??= this.#renew(this.#current).finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async #renew(stale: SessionTokens): Promise<SessionTokens> {
    try {
      const fresh = await (this.#refresh ?? ((tokens) => this.#tradeTwice(tokens.refresh_token!)))(stale);
      await this.set(fresh);
      return fresh;
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'auth.invalid_refresh_token') await this.set(undefined);
      throw error;
    }
  }

  /** The service answers the same refresh token alike for some seconds: an answer that was lost can be asked for again. */
  async #tradeTwice(refreshToken: string): Promise<SessionTokens> {
    try {
      return await this.trade(refreshToken);
    } catch (error) {
      if (error instanceof ConnectionError) return this.trade(refreshToken);
      throw error;
    }
  }
}

/** A fetch that answers an expired access token with a refresh, and sends the request once more. */
export function withRefresh(fetch: typeof globalThis.fetch, tokens: TokenKeeper): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const sent = /^Bearer (.+)$/.exec(request.headers.get('Authorization') ?? '')?.[1];
    if (sent === undefined || !tokens.refreshable) return fetch(request);
    const again = request.clone();
    const response = await fetch(request);
    if (!(await isInvalidToken(response))) return response;
    const fresh = await tokens.newerThan(sent);
    if (fresh === undefined) return response;
    again.headers.set('Authorization', `Bearer ${fresh.access_token}`);
    return fetch(again);
  };
}

async function isInvalidToken(response: Response): Promise<boolean> {
  if (response.status !== 401) return false;
  const problem: unknown = await response.clone().json().catch(() => undefined);
  return isProblem(problem) && problem.code === 'auth.invalid_token';
}
