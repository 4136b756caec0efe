import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionError, createFluentPro, type Message, ProblemError, ResponseError } from '@fluentpro/sdk';
import { FaultProxy } from './proxy.js';
import { conversation, learner, line, url } from './setup.js';

/** The error that a call throws, which must be of a class. */
async function thrown<T extends Error>(kind: new (...args: never[]) => T, call: Promise<unknown>): Promise<T> {
  const error = await call.then(() => assert.fail('nothing was thrown'), (reason: unknown) => reason);
  assert.ok(error instanceof kind, String(error));
  return error;
}

/** A client of a service that answers as given. */
function answered(...parameters: ConstructorParameters<typeof Response>) {
  return createFluentPro({ baseUrl: 'http://service.test', fetch: async () => new Response(...parameters) });
}

test('requests and answers are typed', async () => {
  const api = await learner();
  const me = await api.updateMe({ body: { full_name: 'Mei-Ling Chen' } });
  assert.equal(me.full_name, 'Mei-Ling Chen');
  const path = await conversation(api);
  const { data, next_cursor } = await api.listMessages({ path, query: { order: 'desc', limit: 1 } });
  const greeting: Message | undefined = data[0];
  assert.equal(greeting?.role, 'assistant');
  assert.equal(next_cursor, null);
  assert.equal(await api.changePassword({ body: { current_password: 'Harbour-Light-42', new_password: 'Lantern-Quay-77' } }).then(() => 'done'), 'done');
  // @ts-expect-error An unknown member of a body does not compile, and is refused by the service.
  await thrown(ProblemError, api.updateMe({ body: { nickname: 'Mei' } }));
});

test('createMessage answers with the finished reply, and says a message once though its answer was lost', async (t) => {
  const proxy = await FaultProxy.to(url);
  t.after(() => proxy.close());
  const api = await learner();
  const path = await conversation(api);
  const there = createFluentPro({ baseUrl: proxy.url, ...(api.tokens && { tokens: api.tokens }) });
  proxy.loseAnswers(1);
  const { message, reply } = await there.createMessage({ path, body: { content: line }, headers: { Prefer: 'wait=20' } });
  assert.equal(proxy.requests.length, 2);
  assert.equal(message.content, line);
  assert.equal(reply.status, 'completed');
  assert.equal((await api.listMessages({ path })).data.length, 3);
});

test('a problem is an error with its code, its places and its request', async () => {
  const api = await learner();
  const error = await thrown(ProblemError, api.createConversation({ body: { partner_id: '', situation_id: 'negotiations' } }));
  assert.equal(error.status, 400);
  assert.equal(error.code, 'request.invalid');
  // @ts-expect-error A code that does not exist does not compile.
  assert.ok(error.code !== 'request.invlaid');
  assert.deepEqual(error.errors.map(({ pointer, code }) => ({ pointer, code })), [{ pointer: '/partner_id', code: 'too_short' }]);
  assert.notEqual(error.requestId, '');
  assert.match(error.message, /^request\.invalid: /);

  const unknown = await thrown(ProblemError, api.createConversation({ body: { partner_id: 'nobody', situation_id: 'negotiations' } }));
  assert.equal(unknown.code, 'conversation.unknown_partner');
  const absent = await thrown(ProblemError, api.getConversation({ path: { conversation_id: crypto.randomUUID() } }));
  assert.deepEqual([absent.status, absent.code, absent.title], [404, 'resource.not_found', 'Not Found']);
  const anonymous = await thrown(ProblemError, createFluentPro({ baseUrl: url }).getMe());
  assert.equal(anonymous.code, 'auth.required');
});

test('a problem says when to try again, and keeps members of its own', async () => {
  const problem = { type: '', title: 'Conflict', status: 409, detail: 'A reply is being written.', instance: '', request_id: 'r1' };
  const body = JSON.stringify({ ...problem, code: 'conversation.reply_in_flight', reply_id: 'm1' });
  const headers = { 'Content-Type': 'application/problem+json', 'Retry-After': '3' };
  const error = await thrown(ProblemError, answered(body, { status: 409, headers }).getMe());
  assert.equal(error.retryAfter, 3);
  assert.equal(error.problem['reply_id'], 'm1');
});

test('an answer that is not of the API is a ResponseError', async () => {
  const page = answered('<h1>Bad gateway</h1>', { status: 502, statusText: 'Bad Gateway', headers: { 'Content-Type': 'text/html' } });
  const error = await thrown(ResponseError, page.getMe());
  assert.equal(error.status, 502);
  assert.equal(error.message, 'GET /api/v2/users/me: 502 Bad Gateway');
  const half = answered('{"id":', { headers: { 'Content-Type': 'application/json' } });
  assert.equal((await thrown(ResponseError, half.getMe())).status, 200);
});

test('what the caller holds already is a ResponseError of status 304', async () => {
  const answers: Response[] = [];
  const api = await learner({ onResponse: (response) => answers.push(response) });
  const { conversation_id } = await conversation(api);
  await api.getConversation({ path: { conversation_id } });
  const etag = answers.at(-1)?.headers.get('ETag') ?? '';
  assert.equal(answers.at(-1)?.headers.get('API-Version'), '2');
  const error = await thrown(ResponseError, api.getConversation({ path: { conversation_id }, headers: { 'If-None-Match': etag } }));
  assert.equal(error.status, 304);
});

test('no answer is a ConnectionError', async () => {
  const proxy = await FaultProxy.to(url);
  const nobody = createFluentPro({ baseUrl: proxy.url });
  proxy.close();
  const error = await thrown(ConnectionError, nobody.listLanguages());
  assert.equal(error.message, 'GET /api/v2/languages: no answer');
  assert.ok(error.cause instanceof Error);
});

test('an aborted call throws the reason of its signal', async () => {
  const api = createFluentPro({ baseUrl: url });
  const signal = AbortSignal.abort(new Error('enough'));
  assert.equal((await thrown(Error, api.listLanguages({ signal }))).message, 'enough');
});

test('an export is iterated, and a cut one throws', async () => {
  const api = await learner();
  await conversation(api);
  const types: string[] = [];
  for await (const each of api.exportMe()) types.push(each.type);
  assert.deepEqual(types, ['user', 'session', 'conversation', 'message']);

  const all = async (text: string) => {
    const got: unknown[] = [];
    for await (const each of answered(text, { headers: { 'Content-Type': 'application/x-ndjson' } }).exportUsers()) got.push(each);
    return got;
  };
  assert.equal((await all('{"type":"user"}\n{"type":"end","count":1}\n')).length, 1);
  await thrown(ConnectionError, all('{"type":"user"}\n{"type":"en'));
  await thrown(ResponseError, all('{"type":"end","count":1}\n'));
  const problem = await thrown(ProblemError, all('{"type":"problem","problem":{"code":"export.out_of_time","detail":"It took 15 minutes."}}\n'));
  assert.equal(problem.code, 'export.out_of_time');
  await thrown(ProblemError, (async () => { for await (const _ of api.exportUsers()); })());
});
