import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createFluentPro, ProblemError, type TaskEvent, textOf } from '@fluentpro/sdk';
import { FaultProxy } from './proxy.js';
import { conversation, learner, line, read, Reading, url } from './setup.js';

const delay = () => 0;

suite('a stream of the service', { concurrency: true }, () => {
  test('a reply read through two cuts is the reply that is stored', async (t) => {
    const proxy = await FaultProxy.to(url);
    t.after(() => proxy.close());
    const api = await learner({ baseUrl: proxy.url });
    const path = await conversation(api);
    proxy.faults.push({ event: 'message.delta', after: 3, how: 'cut' }, { event: 'message.delta', after: 4, how: 'cut' });

    const deltas: string[] = [];
    const reading = new Reading();
    for await (const event of api.streamMessage({ path, body: { content: line }, delay })) {
      reading.take(event);
      if (event.type === 'message.delta') deltas.push(event.text);
    }

    assert.equal(proxy.requests.filter((each) => each.includes('/events')).length, 2);
    assert.equal(proxy.faults.length, 0);
    assert.equal(reading.types[0], 'message.created');
    assert.equal(reading.types.at(-1), 'message.completed');
    const stored = await api.getMessage({ path: { ...path, message_id: reading.id } });
    assert.equal(reading.text, stored.content);
    if (reading.count('message.started') === 1) assert.equal(deltas.join(''), stored.content);
  });

  test('a message whose answer is lost is said once', async (t) => {
    const proxy = await FaultProxy.to(url);
    t.after(() => proxy.close());
    const api = await learner({ baseUrl: proxy.url });
    const path = await conversation(api);
    proxy.faults.push({ event: 'message.created', after: 0, how: 'cut' });

    const reading = await read(api.streamMessage({ path, body: { content: line }, delay }));

    assert.equal(proxy.requests.filter((each) => each.endsWith('/messages')).length, 2);
    const { data } = await api.listMessages({ path });
    assert.deepEqual(data.map((message) => message.role), ['assistant', 'user', 'assistant']);
    assert.equal(reading.text, data[2]?.content);
    assert.equal(reading.count('message.created'), 1);
  });

  test('silence counts as a lost connection', async (t) => {
    const proxy = await FaultProxy.to(url);
    t.after(() => proxy.close());
    const api = await learner({ baseUrl: proxy.url });
    const path = await conversation(api);
    proxy.faults.push({ event: 'message.delta', after: 2, how: 'stall' });

    const reading = await read(api.streamMessage({ path, body: { content: line }, delay, idleTimeout: 1500 }));

    assert.equal(proxy.faults.length, 0);
    assert.ok(proxy.requests.some((each) => each.includes('/events')));
    assert.equal((await api.getMessage({ path: { ...path, message_id: reading.id } })).content, reading.text);
  });

  test('leaving the loop closes the connection, and another loop goes on', async (t) => {
    const proxy = await FaultProxy.to(url);
    t.after(() => proxy.close());
    const api = await learner();
    const path = await conversation(api);
    const stream = createFluentPro({ baseUrl: proxy.url, tokens: api.tokens }).streamMessage({ path, body: { content: line } });
    const reading = new Reading();

    for await (const event of stream) {
      reading.take(event);
      if (reading.count('message.delta') === 2) break;
    }
    await proxy.unused();
    for await (const event of stream) reading.take(event);

    assert.equal(reading.types.at(-1), 'message.completed');
    assert.equal((await api.getMessage({ path: { ...path, message_id: reading.id } })).content, reading.text);
  });

  test('a cursor goes on in another client, and after the last event there is nothing', async () => {
    const api = await learner();
    const path = await conversation(api);
    const stream = api.streamMessage({ path, body: { content: line } });
    const reading = new Reading();
    for await (const event of stream) {
      reading.take(event);
      if (reading.count('message.delta') === 2) break;
    }

    const other = createFluentPro({ baseUrl: url, tokens: api.tokens });
    const reply = { ...path, message_id: reading.id };
    const rest = other.streamMessageEvents({ path: reply, headers: { 'Last-Event-ID': stream.lastEventId! } });
    for await (const event of rest) reading.take(event);
    assert.equal((await other.getMessage({ path: reply })).content, reading.text);

    const nothing = await read(other.streamMessageEvents({ path: reply, headers: { 'Last-Event-ID': rest.lastEventId! } }));
    assert.deepEqual(nothing.types, []);
  });

  test('a signal ends the iteration with its reason and closes the connection', async (t) => {
    const proxy = await FaultProxy.to(url);
    t.after(() => proxy.close());
    const api = await learner();
    const path = await conversation(api);
    const reader = createFluentPro({ baseUrl: proxy.url, tokens: api.tokens });
    const controller = new AbortController();
    const stream = reader.streamMessage({ path, body: { content: line }, signal: controller.signal });
    let events = 0;

    await assert.rejects(
      async () => {
        for await (const event of stream) {
          events++;
          if (event.type === 'message.delta') controller.abort(new Error('enough'));
        }
      },
      { message: 'enough' },
    );
    assert.equal(events, 3);
    await proxy.unused();
  });

  test('an expired token in mid-stream is refreshed and the stream goes on', async (t) => {
    const proxy = await FaultProxy.to(url);
    t.after(() => proxy.close());
    const told: unknown[] = [];
    const api = await learner({ baseUrl: proxy.url, onTokens: (tokens) => void told.push(tokens) });
    const path = await conversation(api);
    proxy.faults.push({ event: 'message.delta', after: 2, how: 'cut' });
    const reading = new Reading();

    for await (const event of api.streamMessage({ path, body: { content: line }, delay })) {
      reading.take(event);
      if (reading.types.length === 1) await api.setTokens({ ...api.tokens!, access_token: 'expired' });
    }

    assert.equal(reading.types.at(-1), 'message.completed');
    assert.equal(proxy.requests.filter((each) => each.endsWith('/sessions/refresh')).length, 1);
    assert.equal(told.at(-1), api.tokens);
  });

  test('what cannot be read is refused with its problem, at once', async () => {
    const api = await learner();
    const path = { ...(await conversation(api)), message_id: crypto.randomUUID() };
    await assert.rejects(read(api.streamMessageEvents({ path })), (error) => error instanceof ProblemError && error.status === 404);
  });

  test('a conversation is followed through a cut until it is deleted', async (t) => {
    const proxy = await FaultProxy.to(url);
    t.after(() => proxy.close());
    const api = await learner({ baseUrl: proxy.url });
    const path = await conversation(api);
    proxy.faults.push({ event: 'message.delta', after: 1, how: 'cut' });

    const types: string[] = [];
    for await (const event of api.streamConversationEvents({ path, delay })) {
      if (event.type === 'message.started' || event.type === 'message.delta') continue;
      types.push(event.type);
      if (event.type === 'conversation.updated') await api.createMessage({ path, body: { content: line } });
      if (event.type === 'message.completed') await api.deleteConversation({ path });
    }

    assert.deepEqual(types, ['conversation.updated', 'message.created', 'message.completed', 'conversation.deleted']);
  });

  test('what concerns one is followed on another device through a cut', async (t) => {
    const proxy = await FaultProxy.to(url);
    t.after(() => proxy.close());
    const api = await learner();
    const other = createFluentPro({ baseUrl: proxy.url, tokens: api.tokens });
    proxy.faults.push({ event: 'conversation.created', after: 1, how: 'cut' });
    const stream = other.streamMyEvents({ delay });
    const events = stream[Symbol.asyncIterator]();

    const first = events.next();
    await proxy.streaming();
    const made = [await conversation(api), await conversation(api)];
    const told = [await first, await events.next()].map(({ value }) => value?.type === 'conversation.created' && value.conversation.id);
    // In order are the events of one conversation, not those of two.
    assert.deepEqual(told.sort(), made.map((each) => each.conversation_id).sort());
    await events.return(undefined);

    await api.deleteConversation({ path: made[0]! });
    for await (const event of other.streamMyEvents({ headers: { 'Last-Event-ID': stream.lastEventId! } })) {
      assert.equal(event.type, 'conversation.deleted');
      break;
    }
  });

  test('a task is followed to its end', async () => {
    const api = await learner();
    await api.setNativeLanguage({ body: { native_language: 'chinese_traditional' } });
    await api.setIndustry({ body: { industry_id: 'shipping_logistics' } });
    const { matches } = await api.matchRoles({ body: { title: 'Freight forwarder', description: 'Books containers by sea and air.' } });
    await api.setRole({ body: { role_id: matches[0]!.role.id } });
    await api.setPartners({ body: { partner_ids: ['suppliers'] } });
    await api.setPartnerSituations({ path: { partner_id: 'suppliers' }, body: { situation_ids: ['negotiations'] } });
    const { task_id } = await api.completeOnboarding();

    let last: TaskEvent | undefined;
    for await (const event of api.streamTaskEvents({ path: { task_id } })) last = event;

    assert.equal(last?.type, 'task.completed');
    assert.deepEqual(await api.getTask({ path: { task_id } }), last.task);
  });
});

test('textOf keeps to the one rule for resuming and retrying', () => {
  const of = { message_id: '', conversation_id: '', attempt: 1 };
  assert.equal(textOf({ type: 'message.started', ...of, text: 'Good' }, 'Hello'), 'Good');
  assert.equal(textOf({ type: 'message.delta', message_id: '', text: ' day' }, 'Good'), 'Good day');
  assert.equal(textOf({ type: 'stream.closing', reason: 'draining', retry_ms: 1 }, 'Good'), 'Good');
});
