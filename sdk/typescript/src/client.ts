import { toError } from './errors.js';
import { createClient, createConfig } from './gen/client/index.js';
import { Realtime, type RealtimeOptions } from './realtime.js';
import { Streams } from './streams.js';
import { type SessionTokens, TokenKeeper, type TokenOptions, withRefresh } from './tokens.js';

export interface FluentProOptions extends TokenOptions {
  /** The root of the service, such as `https://api.example.com`. */
  baseUrl: string;
  /** Default: that of the platform. */
  fetch?: typeof globalThis.fetch;
  /** Shown every answer, those of repeated requests too: its headers tell of limits and deprecations. Leave its body unread. */
  onResponse?: (response: Response, request: Request) => void;
}

/**
 * The FluentPro API: a method for each `operationId`. Most give the body of the answer; streams and exports are iterated.
 * They throw ProblemError, ResponseError or ConnectionError. signUp, logIn and refreshSession set the tokens, and an
 * access token that has expired is refreshed by itself.
 */
export class FluentPro extends Streams {
  readonly #tokens: TokenKeeper;
  readonly #socketUrl: () => string;

  constructor(options: FluentProOptions) {
    const tokens = new TokenKeeper(options, async (refresh_token) => {
      return (await this.refreshSession({ body: { refresh_token } })).tokens;
    });
    super(connect(options, tokens), async () => {
      const { current } = tokens;
      if (current && tokens.refreshable) await tokens.newerThan(current.access_token);
    });
    this.#tokens = tokens;
    this.#socketUrl = () => {
      const { href } = new URL(`${root(options.baseUrl)}/api/v2/realtime`, globalThis.location?.href);
      return href.replace(/^http/, 'ws');
    };
  }

  /** Opens a WebSocket as the user who is signed in: one for all subscriptions and commands, until its close(). */
  realtime(options: RealtimeOptions = {}): Realtime {
    return new Realtime(this.#socketUrl(), this.#tokens, options);
  }

  /** Those in use. */
  get tokens(): SessionTokens | undefined {
    return this.#tokens.current;
  }

  /** Uses other tokens from now on and tells onTokens; `undefined` forgets them. */
  async setTokens(tokens: SessionTokens | undefined): Promise<void> {
    await this.#tokens.set(tokens);
  }
}

/** Makes a client of the API. It opens no connection. */
export function createFluentPro(options: FluentProOptions): FluentPro {
  return new FluentPro(options);
}

function connect(options: FluentProOptions, tokens: TokenKeeper) {
  const client = createClient(
    createConfig({
      baseUrl: `${root(options.baseUrl)}/api/v2`,
      throwOnError: true,
      auth: () => tokens.current?.access_token,
      fetch: withRefresh(options.fetch ?? ((input, init) => globalThis.fetch(input, init)), tokens),
      responseTransformer: async (body) => {
        if (hasTokens(body)) await tokens.set(body.tokens);
        return body;
      },
    }),
  );
  client.interceptors.error.use(toError);
  const { onResponse } = options;
  if (onResponse) {
    client.interceptors.response.use((response, request) => {
      onResponse(response, request);
      return response;
    });
  }
  return client;
}

function root(baseUrl: string): string {
  return baseUrl.replace(/\/+$/, '');
}

function hasTokens(body: unknown): body is { tokens: SessionTokens } {
  const tokens: unknown = (body as { tokens?: unknown } | null)?.tokens;
  return typeof (tokens as SessionTokens | undefined)?.access_token === 'string';
}
