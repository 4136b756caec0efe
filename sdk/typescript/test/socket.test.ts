// What a service in trouble says on a socket, by a script.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as after } from 'node:timers/promises';
import { ConnectionError, createFluentPro, type FluentProOptions, ProblemError, RealtimeClosedError } from '@fluentpro/sdk';
import { connected, service, type Sent, type Side, socket } from './socket.js';

const room = 'room:practice';
const talk = 'conversation:019a2b4e-5c00-7000-8000-000000000003';

/** A client whose refreshes give `second`, `third` and so on, and how many there were. */
function signedIn(baseUrl: string, more: Partial<FluentProOptions> = {}) {
  const names = ['second', 'third', 'fourth'];
  let refreshes = 0;
  const refresh = async () => ({ access_token: names[refreshes++]!, expires_in: 900 });
  return { api: createFluentPro({ baseUrl, tokens: { access_token: 'first' }, refresh, ...more }), refreshes: () => refreshes };
}

function token(command: Sent): unknown {
  return (command['connect'] as { token: string }).token;
}

/** Lets a connection stand. */
const stand = async (side: Side) => void (await side.accept());

test('each close code that says come back is heard, with the wait that it asks for', async (t) => {
  const connects: unknown[] = [];
  const ends = (how: (side: Side) => void) => async (side: Side) => {
    connects.push(token(await side.accept()));
    how(side);
  };
  const { url } = await service(
    t,
    ends((side) => {
      side.push('connection', { type: 'stream.closing', reason: 'draining', retry_ms: 700 });
      side.close(4001, 'this node is stopping');
    }),
    ends((side) => side.close(4000)),
    ends((side) => side.close(4008)),
    ends((side) => side.close(4029)),
    ends((side) => side.close(4401)),
    ends((side) => side.cut()),
    ends(() => {}),
  );
  const { api, refreshes } = signedIn(url);
  const waits: [number, number][] = [];
  const { states, until } = socket(t, api, { delay: (failures, hint) => (waits.push([failures, hint]), 0) });
  await until('open', 7);

  assert.deepEqual(waits, [[0, 700], [1, 0], [2, 0], [3, 5000], [4, 0], [5, 0]]);
  const codes = states.flatMap((state) => (state.status === 'waiting' ? [state.code] : []));
  assert.deepEqual(codes, [4001, 4000, 4008, 4029, 4401, 1006]);
  assert.deepEqual(connects, ['first', 'first', 'first', 'first', 'first', 'second', 'second']);
  assert.equal(refreshes(), 1);
});

test('each close code that says stay away ends all with its code and reason', async (t) => {
  for (const code of [4503, 4509, 4510, 4520]) {
    const { url, connections } = await service(t, async (side) => {
      await side.accept();
      await side.next();
      side.close(code, 'because');
    });
    const { realtime, states, until } = socket(t, signedIn(url).api);
    const subscription = realtime.subscribe(talk);
    const is = (error: unknown) => error instanceof RealtimeClosedError && error.code === code && error.reason === 'because';
    await assert.rejects(realtime.echo(1), is);
    await until('closed');
    await assert.rejects(async () => {
      for await (const _ of subscription) assert.fail();
    }, is);
    assert.throws(() => realtime.subscribe(room), is);
    await assert.rejects(realtime.ping(), is);
    assert.equal(states.at(-1)?.status, 'closed');
    assert.equal(connections(), 1);
  }
});

test('who is not known tries once more with another token', async (t) => {
  const refused = async (side: Side) => {
    side.refuse(await side.next(), 401, 'auth.invalid_token');
    side.close(4501, 'not authenticated');
  };
  const good = await service(t, refused, stand);
  const once = signedIn(good.url);
  await socket(t, once.api).until('open');
  assert.deepEqual([once.refreshes(), good.connections()], [1, 2]);

  const bad = await service(t, refused);
  const { api, refreshes } = signedIn(bad.url);
  const { realtime, until } = socket(t, api);
  await until('closed');
  assert.deepEqual([refreshes(), bad.connections()], [1, 2]);
  await assert.rejects(realtime.ping(), (error) => error instanceof RealtimeClosedError && error.cause instanceof ProblemError);
});

test('who is refused for the moment comes back', async (t) => {
  const { url } = await service(t, async (side) => {
    side.refuse(await side.next(), 429, 'request.rate_limited', { retry_after_seconds: 7 });
    side.close(4501, 'not authenticated');
  }, stand);
  const hints: number[] = [];
  await socket(t, signedIn(url).api, { delay: (_, hint) => (hints.push(hint), 0) }).until('open');
  assert.deepEqual(hints, [7000]);
});

test('a refresh that is refused is the end', async (t) => {
  const { url } = await service(t, async (side) => {
    await side.accept();
    side.close(4401, 'the token has expired');
  });
  const refresh = () => Promise.reject(new Error('signed out'));
  const { realtime, until } = socket(t, signedIn(url, { refresh }).api);
  await until('closed');
  await assert.rejects(realtime.ping(), { message: 'signed out' });
});

test('subscriptions come back behind their last event, in the first frame', async (t) => {
  const { url } = await service(
    t,
    async (side) => {
      await side.accept();
      const first = await side.next();
      side.push(talk, { type: 'message.delta', message_id: '', text: 'of an earlier subscription' }, '0');
      side.reply(first, { topic: talk, recovered: false });
      side.reply(await side.next(), { topic: room, recovered: false, cursor: 'r1' });
      side.push(talk, { type: 'message.started', message_id: '', text: 'Good' }, '1');
      side.push(talk, { type: 'message.delta', message_id: '', text: ' mor' }, '2');
      side.cut();
    },
    async (side) => {
      const command = await side.next();
      assert.deepEqual((command['connect'] as { resume: object }).resume, [{ topic: talk, after: '2' }, { topic: room, after: 'r1' }]);
      const subscriptions = [{ topic: talk, recovered: true }, { topic: room, recovered: false, cursor: 'r9' }];
      side.reply(command, connected({ subscriptions }));
      side.push(talk, { type: 'message.delta', message_id: '', text: 'ning' }, '3');
      side.push(talk, { type: 'conversation.deleted', conversation_id: '' });
      side.push(room, { type: 'room.message', data: {} }, 'r10');
    },
  );
  const { realtime, until } = socket(t, signedIn(url).api);
  await until('open');
  const [a, b] = [realtime.subscribe(talk), realtime.subscribe(room)];
  assert.throws(() => realtime.subscribe(room), /already/);
  const told: [string, string | undefined][] = [];
  for await (const { event, cursor } of a) told.push([event.type === 'message.delta' ? event.text : event.type, cursor]);
  assert.deepEqual(told, [['message.started', '1'], [' mor', '2'], ['ning', '3'], ['conversation.deleted', undefined]]);
  assert.equal(a.cursor, '3');
  const types: string[] = [];
  for await (const { event } of b) if (types.push(event.type) === 2) break;
  assert.deepEqual(types, ['stream.restarted', 'room.message'], 'a gap is told');
});

test('a topic that is refused when it comes back ends with the problem', async (t) => {
  const problem = { status: 404, code: 'resource.not_found', detail: 'gone' };
  const { url } = await service(t, async (side) => {
    await side.accept();
    side.reply(await side.next(), { topic: talk, recovered: false });
    side.push(talk, { type: 'message.started', message_id: '', text: 'Good' }, '1');
    side.cut();
  }, async (side) => void (await side.accept({ subscriptions: [{ topic: talk, recovered: false, error: problem }] })));
  const { realtime, until } = socket(t, signedIn(url).api);
  await until('open');
  const types: string[] = [];
  await assert.rejects(async () => {
    for await (const { event } of realtime.subscribe(talk)) types.push(event.type);
  }, (error) => error instanceof ProblemError && error.code === 'resource.not_found');
  assert.deepEqual(types, ['message.started'], 'what came before is read');
});

test('what cannot be said twice fails when its answer is lost; the rest is said again', async (t) => {
  const keys: unknown[] = [];
  const message = async (side: Side) => {
    const command = await side.next();
    keys.push((command['send_message'] as { idempotency_key: string }).idempotency_key);
    return command;
  };
  const { url } = await service(
    t,
    async (side) => {
      await side.accept();
      await side.next();
      await message(side);
      side.cut();
    },
    async (side) => {
      await side.accept();
      side.refuse(await message(side), 409, 'idempotency.in_progress', { retry_after_seconds: 0 });
      side.reply(await message(side), { said: true });
    },
  );
  const { realtime, until } = socket(t, signedIn(url).api);
  await until('open');
  const published = assert.rejects(realtime.publish(room, {}), (error) => error instanceof ConnectionError && /unknown/.test(error.message));
  assert.deepEqual(await realtime.sendMessage({ conversation_id: '', content: 'Hello' }), { said: true });
  await published;
  assert.equal(keys.length, 3);
  assert.equal(new Set(keys).size, 1);
});

test('commands wait for a connection, but not for ever', async (t) => {
  const { url } = await service(t, (side) => side.cut());
  const { realtime } = socket(t, signedIn(url).api, { timeout: 200 });
  await assert.rejects(realtime.publish(room, {}), (error) => error instanceof ConnectionError && !/unknown/.test(error.message));
});

test('a connection that is silent is lost', async (t) => {
  const asked: string[] = [];
  const { url } = await service(
    t,
    async (side) => {
      await side.accept({ ping_seconds: 1 });
      const command = await side.next();
      asked.push(Object.keys(command)[1]!);
      side.reply(command, {});
      asked.push(Object.keys(await side.next())[1]!);
    },
    stand,
  );
  const { states, until } = socket(t, signedIn(url).api);
  await until('open', 2);
  assert.deepEqual(asked, ['ping', 'ping']);
  const waiting = states.find((state) => state.status === 'waiting');
  assert.match(waiting?.status === 'waiting' ? waiting.reason : '', /silent/);
});

test('a token is renewed on the open socket, and one of another session opens another', async (t) => {
  const { url, connections } = await service(
    t,
    async (side) => {
      assert.equal(token(await side.accept({ expires_at: new Date(Date.now() + 3000).toISOString() })), 'first');
      const renewal = await side.next();
      assert.equal(token(renewal), 'second');
      side.reply(renewal, connected());
      const ping = await side.next();
      side.reply(ping, {});
      side.reply(await side.next(), {});
    },
    stand,
  );
  const { api } = signedIn(url);
  const { realtime, until } = socket(t, api);
  await until('open');
  while (api.tokens?.access_token !== 'second') await after(50);
  await realtime.ping();
  assert.equal(connections(), 1);

  const strict = await service(
    t,
    async (side) => {
      await side.accept({ expires_at: new Date(Date.now() + 3000).toISOString() });
      side.refuse(await side.next(), 403, 'auth.forbidden');
    },
    async (side) => assert.equal(token(await side.accept()), 'second'),
  );
  await socket(t, signedIn(strict.url).api).until('open', 2);
});

test('a token that says it has expired is refreshed first', async (t) => {
  let used: unknown;
  const { url } = await service(t, async (side) => void (used = token(await side.accept())));
  const old = `e30.${Buffer.from(JSON.stringify({ exp: 1 })).toString('base64url')}.e30`;
  await socket(t, signedIn(url, { tokens: { access_token: old } }).api).until('open');
  assert.equal(used, 'second');
});

test('close, break, unsubscribe and signals end subscriptions', async (t) => {
  const left: unknown[] = [];
  const { url } = await service(t, async (side) => {
    await side.accept();
    for (;;) {
      const command = await side.next();
      if ('unsubscribe' in command) left.push((command['unsubscribe'] as { topic: string }).topic);
      side.reply(command, { topic: '', recovered: false });
      if ('subscribe' in command) side.push((command['subscribe'] as { topic: string }).topic, { type: 'room.message' }, '1');
    }
  });
  const { realtime, until } = socket(t, signedIn(url).api);
  await until('open');
  for await (const _ of realtime.subscribe('room:one')) break;
  const heard: string[] = [];
  const two = realtime.subscribe('room:two', { onEvent: ({ event }) => void heard.push(event.type) });
  await two.ready;
  await realtime.ping();
  assert.deepEqual(heard, ['room.message']);
  await two.unsubscribe();
  const controller = new AbortController();
  await assert.rejects(async () => {
    for await (const _ of realtime.subscribe('room:three', { signal: controller.signal })) controller.abort(new Error('enough'));
  }, { message: 'enough' });
  await realtime.ping();
  assert.deepEqual(left, ['room:one', 'room:two', 'room:three']);

  const many = Array.from({ length: 32 }, (_, n) => realtime.subscribe(`room:many-${n}`));
  assert.throws(() => realtime.subscribe('room:more'), /32/);
  const waiting = assert.rejects(realtime.ping(), { code: 1000 });
  realtime.close();
  await waiting;
  for (const subscription of many) for await (const { event } of subscription) assert.equal(event.type, 'room.message');
  assert.throws(() => realtime.subscribe('room:four'), { code: 1000 });
  assert.equal(realtime.state.status, 'closed');
});

test('nobody and no WebSocket are said at once', async (t) => {
  const nobody = socket(t, createFluentPro({ baseUrl: 'http://service.test' }));
  await nobody.until('closed');
  await assert.rejects(nobody.realtime.ping(), /nobody is signed in/);
  await assert.rejects(socket(t, signedIn('http://127.0.0.1:1').api).realtime.echo('x'.repeat(70_000)), /bytes/);
});
