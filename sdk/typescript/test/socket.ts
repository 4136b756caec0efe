import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { FluentPro, Realtime, RealtimeOptions, RealtimeState } from '@fluentpro/sdk';
import { WebSocket, WebSocketServer } from 'ws';

/** A socket that the test closes, and what became of it. */
export function socket(t: TestContext, api: FluentPro, options: RealtimeOptions = {}) {
  const states: RealtimeState[] = [];
  let changed: () => void = () => {};
  const onState = (state: RealtimeState) => {
    states.push(state);
    options.onState?.(state);
    changed();
  };
  const realtime: Realtime = api.realtime({ WebSocket, delay: () => 20, ...options, onState });
  t.after(() => realtime.close());
  /** Waits until it has been in a state so often. */
  const until = async (status: RealtimeState['status'], times = 1) => {
    while (states.filter((state) => state.status === status).length < times) await new Promise<void>((resolve) => (changed = resolve));
  };
  return { realtime, states, until };
}

/** A frame of a client, as a scripted service reads it. */
export type Sent = { id: string } & Record<string, unknown>;

/** One connection of a scripted service. */
export interface Side {
  /** Waits for the next command. */
  next(): Promise<Sent>;
  reply(to: Sent, result: unknown): void;
  refuse(to: Sent, status: number, code: string, more?: object): void;
  push(topic: string, event: object, cursor?: string): void;
  close(code: number, reason?: string): void;
  /** Breaks the connection once all that was said is out. */
  cut(): void;
  /** Waits for the first command, a connect, and answers it. */
  accept(change?: object): Promise<Sent>;
}

/** A service that does as each connection's part of a script says. The last part is for all that follow. */
export async function service(t: TestContext, ...parts: ((side: Side) => Promise<void> | void)[]) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'fluentpro.v2.json' });
  await once(server, 'listening');
  const failed: unknown[] = [];
  let connections = 0;
  server.on('connection', (raw) => {
    const part = parts[Math.min(connections++, parts.length - 1)]!;
    Promise.resolve(part(sideOf(raw))).catch((error) => (failed.push(error), console.error(error)));
  });
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
    assert.deepEqual(failed, []);
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connections: () => connections };
}

function sideOf(raw: WebSocket): Side {
  const read: Sent[] = [];
  let wake: () => void = () => {};
  raw.on('message', (data) => {
    read.push(JSON.parse(String(data)) as Sent);
    wake();
  });
  const say = (frame: object) => raw.send(JSON.stringify(frame));
  const side: Side = {
    async next() {
      while (read.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return read.shift()!;
    },
    reply: ({ id }, result) => say({ id, result }),
    refuse: ({ id }, status, code, more = {}) => say({ id, error: { status, code, detail: '', ...more } }),
    push: (topic, event, cursor) => say({ topic, event, cursor }),
    close: (code, reason) => raw.close(code, reason),
    cut: () => (raw as unknown as { _socket: Socket })._socket.end(),
    async accept(change = {}) {
      const command = await side.next();
      const { resume = [] } = command['connect'] as { resume?: { topic: string; after?: string }[] };
      const subscriptions = resume.map(({ topic, after }) => ({ topic, recovered: after !== undefined }));
      side.reply(command, connected({ subscriptions, ...change }));
      return command;
    },
  };
  return side;
}

/** What a connect is answered. */
export function connected(change: object = {}) {
  const id = '019a2b4e-5c00-7000-8000-000000000009';
  const expires_at = new Date(Date.now() + 900_000).toISOString();
  return { connection_id: id, user_id: id, session_id: id, expires_at, ping_seconds: 25, subscriptions: [], ...change };
}
