import type { Client } from './gen/client/index.js';

/** A request as the generated operations make it: `url` is the document's path. */
export interface Call {
  method: 'GET' | 'POST';
  url: string;
  path?: Record<string, unknown> | undefined;
  query?: Record<string, unknown> | undefined;
  headers?: Record<string, string | undefined> | undefined;
  body?: unknown;
  signal?: AbortSignal | null | undefined;
}

/** How the operations that are not public prove who asks. */
export const security = [{ scheme: 'bearer', type: 'http' }] as const;

/** Sends a request and gives the answer with its body unread. Its errors are this package's. */
export async function open(client: Client, call: Call): Promise<Response> {
  const { response } = await client.request<unknown, unknown, true>({
    ...call,
    headers: { ...(call.body === undefined ? {} : { 'Content-Type': 'application/json' }), ...call.headers },
    parseAs: 'stream',
    security,
  });
  return response;
}
