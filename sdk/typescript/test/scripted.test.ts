// What a service in trouble sends, by a script: see docs/streaming.md for what clients are asked to do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionError, createFluentPro, ProblemError, ResponseError, type StreamOptions, type TaskEvent } from '@fluentpro/sdk';

const id = '019a2b4e-5c00-7000-8000-000000000007';

/** An event as it stands in a stream. */
function event(type: string, members: object = {}, cursor?: string): string {
  return `${cursor === undefined ? '' : `id: ${cursor}\n`}event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
}

function stream(...parts: string[]): Response {
  return new Response(parts.join(''), { headers: { 'Content-Type': 'text/event-stream' } });
}

function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  const body = { code, detail: '', status };
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/problem+json', ...headers } });
}

/** A service that gives these answers, one for each request, and what it was asked. */
function scripted(answers: (Response | Error)[]) {
  const sent: Request[] = [];
  const fetch: typeof globalThis.fetch = async (input, init) => {
    sent.push(new Request(input, init));
    const answer = answers.shift() ?? new Error('the script is over');
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const tokens = { access_token: 'a', refresh_token: 'r' };
  return { api: createFluentPro({ baseUrl: 'http://service.test', tokens, fetch }), sent };
}

/** Reads a task's events of such a service. */
async function run(answers: (Response | Error)[], options: StreamOptions = {}) {
  const { api, sent } = scripted(answers);
  const waits: [number, number][] = [];
  const delay = (failures: number, hint: number) => (waits.push([failures, hint]), 0);
  const events: TaskEvent[] = [];
  let error: unknown;
  try {
    for await (const each of api.streamTaskEvents({ path: { task_id: id }, delay, ...options })) events.push(each);
  } catch (thrown) {
    error = thrown;
  }
  const requests = sent.map((request) => `${request.method} ${new URL(request.url).pathname}`);
  const cursors = sent.filter(({ url }) => url.endsWith('/events')).map(({ headers }) => headers.get('Last-Event-ID'));
  return { types: events.map(({ type }) => type as string), cursors, requests, waits, error, left: answers.length };
}

const completed = event('task.completed', {}, 'last');

test('a stream that is closed early goes on after the wait that it asks for', async () => {
  const closing = event('stream.closing', { reason: 'draining', retry_ms: 700 });
  const got = await run([stream('retry: 2500\n\n', event('task.progressed', {}, '1'), closing), stream(completed)]);
  assert.deepEqual(got.types, ['task.progressed', 'stream.closing', 'task.completed']);
  assert.deepEqual(got.cursors, [null, '1']);
  assert.deepEqual(got.waits, [[0, 700]]);
  assert.equal(got.error, undefined);
});

test('a stream that was cut goes on after its own reconnection time', async () => {
  const got = await run([stream('retry: 2500\n\n', event('task.progressed', {}, '1')), stream(completed)]);
  assert.deepEqual(got.waits, [[0, 2500]]);
});

test('an expiring token is refreshed before the stream goes on', async () => {
  const closing = event('stream.closing', { reason: 'token_expiring', retry_ms: 0 });
  const tokens = { access_token: 'b', refresh_token: 's', token_type: 'Bearer', expires_in: 900 };
  const refreshed = new Response(JSON.stringify({ tokens }), { headers: { 'Content-Type': 'application/json' } });
  const got = await run([stream(closing), refreshed, stream(completed)]);
  assert.deepEqual(got.requests.map((each) => each.split('/').pop()), ['events', 'refresh', 'events']);
  assert.equal(got.types.at(-1), 'task.completed');
});

test('204 is the end', async () => {
  const got = await run([stream(event('task.progressed', {}, '1')), new Response(null, { status: 204 })]);
  assert.deepEqual([got.types, got.error, got.cursors], [['task.progressed'], undefined, [null, '1']]);
});

test('a session that ended ends its streams', async () => {
  const got = await run([stream(event('session.revoked', { session_id: id })), stream(completed)]);
  assert.deepEqual([got.types, got.left], [['session.revoked'], 1]);
});

test('of oneself, a cursor without an event counts, and the end of another session is none', async () => {
  const closing = event('stream.closing', { reason: 'draining', retry_ms: 1 });
  const revoked = (cursor?: string) => event('session.revoked', { session_id: id }, cursor);
  const { api, sent } = scripted([
    stream('id: 1\n\n'),
    stream('id: 1\n\n', event('stream.restarted', {}, '2'), revoked('3'), closing),
    stream('id: 4\n\n', revoked()),
  ]);
  const types: string[] = [];
  for await (const { type } of api.streamMyEvents({ delay: () => 0 })) types.push(type);
  assert.deepEqual(types, ['stream.restarted', 'session.revoked', 'stream.closing', 'session.revoked']);
  assert.deepEqual(sent.map(({ headers }) => headers.get('Last-Event-ID')), [null, '1', '3']);
});

test('a quiet stream is followed from one token to the next', async () => {
  const closing = event('stream.closing', { reason: 'token_expiring', retry_ms: 1 });
  const fresh = () => new Response(JSON.stringify({ tokens: { access_token: 'b', refresh_token: 's' } }), { headers: { 'Content-Type': 'application/json' } });
  const day = Array.from({ length: 12 }, () => [stream('id: 1\n\n', closing), fresh()]).flat();
  const { api, sent } = scripted([...day, stream(event('session.revoked', { session_id: id }))]);
  for await (const { type } of api.streamMyEvents({ delay: () => 0 })) if (type === 'session.revoked') break;
  assert.equal(sent.length, 25);
});

test('events of unknown type come as they are, and comments do not', async () => {
  const got = await run([stream(': quiet\n\n', event('task.admired', { by: 'all' }, '1'), completed)]);
  assert.deepEqual(got.types, ['task.admired', 'task.completed']);
});

test('connections that bring nothing are bounded', async () => {
  const got = await run(Array.from({ length: 9 }, () => new TypeError('refused')), { maxAttempts: 3 });
  assert.ok(got.error instanceof ConnectionError);
  assert.deepEqual(got.waits.map(([failures]) => failures), [1, 2]);
  assert.equal(got.left, 6);

  const closing = () => stream(event('stream.closing', { reason: 'draining', retry_ms: 0 }));
  const closed = await run([closing(), closing(), closing()], { maxAttempts: 3 });
  assert.ok(closed.error instanceof ConnectionError);
  assert.equal(closed.types.length, 3);
});

test('an event sets the count of failures back', async () => {
  const lost = () => new TypeError('lost');
  const got = await run([lost(), stream(event('task.progressed', {}, '1')), lost(), stream(completed)], { maxAttempts: 2 });
  assert.equal(got.error, undefined);
  assert.deepEqual(got.cursors, [null, null, '1', '1']);
});

test('a service that is busy in mid-stream is asked again, when it says', async () => {
  const begun = stream(event('task.progressed', {}, '1'));
  const got = await run([begun, problem(503, 'server.unavailable', { 'Retry-After': '4' }), stream(completed)]);
  assert.deepEqual(got.waits.at(-1), [1, 4000]);
  assert.equal(got.types.at(-1), 'task.completed');
});

test('a refusal is thrown at once', async () => {
  const first = await run([problem(429, 'request.rate_limited'), stream(completed)]);
  assert.ok(first.error instanceof ProblemError && first.left === 1);
  const later = await run([stream(event('task.progressed', {}, '1')), problem(400, 'cursor.invalid'), stream(completed)]);
  assert.ok(later.error instanceof ProblemError && later.error.code === 'cursor.invalid' && later.left === 1);
});

test('what is no stream of events is a ResponseError', async () => {
  const page = await run([new Response('<h1>Sign in</h1>', { headers: { 'Content-Type': 'text/html' } })]);
  assert.ok(page.error instanceof ResponseError);
  assert.ok((await run([stream('data: 7\n\n')])).error instanceof ResponseError);
  assert.ok((await run([stream('data: {"type"\n\n')])).error instanceof ResponseError);
  assert.ok((await run([stream(`data: ${'a'.repeat(1 << 21)}\n\n`)])).error instanceof ResponseError);
});

test('a signal ends the wait', async () => {
  const controller = new AbortController();
  const delay = () => (queueMicrotask(() => controller.abort(new Error('enough'))), 60_000);
  const got = await run([new TypeError('refused')], { signal: controller.signal, delay });
  assert.equal((got.error as Error).message, 'enough');
});

test('without an own delay the wait is the hint or a little more', { timeout: 20_000 }, async () => {
  const began = performance.now();
  const got = await run([stream('retry: 30\n\n', event('task.progressed', {}, '1')), stream(completed)], { delay: undefined });
  assert.equal(got.types.at(-1), 'task.completed');
  assert.ok(performance.now() - began >= 29);
});

test('a signal ends the iteration before events that have come already', async () => {
  const { api } = scripted([stream(event('task.progressed', {}, '1'), completed)]);
  const controller = new AbortController();
  const types: string[] = [];
  await assert.rejects(
    async () => {
      for await (const each of api.streamTaskEvents({ path: { task_id: id }, signal: controller.signal })) {
        types.push(each.type);
        controller.abort(new Error('enough'));
      }
    },
    { message: 'enough' },
  );
  assert.deepEqual(types, ['task.progressed']);
});

test('leaving the loop ends the request', async () => {
  const { api, sent } = scripted([stream(event('task.progressed', {}, '1'), completed)]);
  for await (const _ of api.streamTaskEvents({ path: { task_id: id } })) break;
  assert.equal(sent[0]?.signal.aborted, true);
});

test('a message is sent again with the same key until it is answered', async () => {
  const begun = stream(event('message.created', {}, '1'), event('message.completed', { message: {} }, '2'));
  begun.headers.set('Location', `/api/v2/conversations/${id}/messages/${id}`);
  const { api, sent } = scripted([new TypeError('lost'), problem(409, 'idempotency.in_progress', { 'Retry-After': '1' }), begun]);
  const waits: number[] = [];
  const delay = (_: number, hint: number) => (waits.push(hint), 0);
  const types: string[] = [];
  const path = { conversation_id: id };
  for await (const each of api.streamMessage({ path, body: { content: 'Good morning.' }, delay })) types.push(each.type);

  assert.deepEqual(types, ['message.created', 'message.completed']);
  assert.deepEqual(waits, [0, 1000]);
  assert.equal(new Set(sent.map(({ headers }) => headers.get('Idempotency-Key'))).size, 1);
  assert.deepEqual(await sent[2]?.json(), { content: 'Good morning.', stream: true });
});
