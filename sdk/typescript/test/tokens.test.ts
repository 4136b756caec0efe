import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFluentPro, ProblemError, type SessionTokens } from '@fluentpro/sdk';
import { learner, url } from './setup.js';

/** A fetch that remembers what it was asked for. */
function counted() {
  const requests: string[] = [];
  const fetch: typeof globalThis.fetch = (input, init) => {
    const request = new Request(input, init);
    requests.push(`${request.method} ${new URL(request.url).pathname}`);
    return globalThis.fetch(request);
  };
  return { requests, fetch, refreshes: () => requests.filter((each) => each.endsWith('/sessions/refresh')).length };
}

test('concurrent calls with an expired access token lead to one refresh', async () => {
  const { tokens } = await learner();
  const wire = counted();
  const told: (SessionTokens | undefined)[] = [];
  const stale = { ...tokens!, access_token: 'expired' };
  const api = createFluentPro({ baseUrl: url, tokens: stale, fetch: wire.fetch, onTokens: (fresh) => void told.push(fresh) });

  const [me, sessions, created] = await Promise.all([
    api.getMe(),
    api.listSessions(),
    api.createConversation({ body: { partner_id: 'suppliers', situation_id: 'negotiations' } }),
  ]);

  assert.equal(sessions.data.length, 1);
  assert.equal(created.status, 'active');
  assert.notEqual(me.id, '');
  assert.equal(wire.refreshes(), 1);
  assert.equal(wire.requests.length, 7);
  assert.deepEqual(told, [api.tokens]);
  assert.notEqual(api.tokens?.refresh_token, tokens!.refresh_token);
});

test('a refusal that comes after the refresh does not lead to another', async () => {
  const { tokens } = await learner();
  const wire = counted();
  let refreshed = () => {};
  const held = new Promise<void>((resolve) => (refreshed = resolve));
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const response = await wire.fetch(input, init);
    if (response.status === 401 && response.url.endsWith('/sessions')) await held;
    return response;
  };
  const api = createFluentPro({ baseUrl: url, tokens: { ...tokens!, access_token: 'expired' }, fetch });
  const late = api.listSessions();
  await api.getMe();
  refreshed();
  assert.equal((await late).data.length, 1);
  assert.equal(wire.refreshes(), 1);
});

test('signing up and in sets the tokens', async () => {
  const told: (SessionTokens | undefined)[] = [];
  const api = await learner({ onTokens: (fresh) => void told.push(fresh) });
  const { email } = await api.getMe();
  await api.logIn({ body: { email, password: 'Harbour-Light-42' } });
  assert.equal(told.length, 2);
  assert.equal(told[1], api.tokens);
});

test('a session that is over says so and leaves no tokens', async () => {
  const told: (SessionTokens | undefined)[] = [];
  const tokens = { access_token: 'expired', refresh_token: 'unknown' };
  const wire = counted();
  const api = createFluentPro({ baseUrl: url, tokens, fetch: wire.fetch, onTokens: (fresh) => void told.push(fresh) });
  for (const call of await Promise.allSettled([api.getMe(), api.listTasks()])) {
    assert.equal(call.status, 'rejected');
    assert.ok(call.reason instanceof ProblemError && /^auth\.invalid/.test(call.reason.code), String(call.reason));
  }
  assert.equal(wire.refreshes(), 1);
  assert.deepEqual(told, [undefined]);
  assert.equal(api.tokens, undefined);
});

test('an access token alone is not refreshed', async () => {
  const wire = counted();
  const api = createFluentPro({ baseUrl: url, tokens: { access_token: 'expired' }, fetch: wire.fetch });
  await assert.rejects(api.getMe(), { code: 'auth.invalid_token' });
  assert.equal(wire.requests.length, 1);
});

test('an application can refresh in a way of its own', async () => {
  const { tokens } = await learner();
  const wire = counted();
  const asked: SessionTokens[] = [];
  const stale = { access_token: 'expired' };
  const refresh = async (old: SessionTokens) => {
    asked.push(old);
    return tokens!;
  };
  const api = createFluentPro({ baseUrl: url, tokens: stale, refresh, fetch: wire.fetch });
  await api.getMe();
  assert.deepEqual(asked, [stale]);
  assert.equal(wire.refreshes(), 0);
});

test('a refresh whose answer was lost is asked for again', async () => {
  const { tokens } = await learner();
  let lost = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const response = await globalThis.fetch(request);
    if (!request.url.endsWith('/sessions/refresh') || lost++ > 0) return response;
    throw new TypeError('lost');
  };
  const api = createFluentPro({ baseUrl: url, tokens: { ...tokens!, access_token: 'expired' }, fetch });
  assert.notEqual((await api.getMe()).id, '');
  assert.equal(lost, 2);
});
