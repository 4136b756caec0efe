// The WebSocket client and the service, over connections that break.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ProblemError, type Push, type RawFrame, RealtimeClosedError, textOf } from '@fluentpro/sdk';
import { conversation, learner, line } from './setup.js';
import { socket } from './socket.js';

/** Reads a conversation until its reply is whole. */
async function reply(subscription: AsyncIterable<Push<`conversation:${string}`>>, each: (type: string) => void = () => {}) {
  let text = '';
  const types: string[] = [];
  for await (const { event } of subscription) {
    types.push(event.type);
    text = textOf(event, text);
    each(event.type);
    if (event.type === 'message.completed') return { text, types, id: event.message.id };
  }
  throw new Error(`no reply, but ${types.join()}`);
}

suite('a socket of the service', { concurrency: true }, () => {
  test('a conversation is the same by socket and by stream', async (t) => {
    const api = await learner();
    const path = await conversation(api);
    const { realtime } = socket(t, api);
    const bySocket = reply(realtime.subscribe(`conversation:${path.conversation_id}`));
    const byStream = (async () => {
      let text = '';
      for await (const event of api.streamConversationEvents({ path })) {
        text = textOf(event, text);
        if (event.type === 'message.completed') return text;
      }
    })();

    const said = await realtime.sendMessage({ ...path, content: line, metadata: { from: 'socket' } });
    const heard = await bySocket;

    assert.equal(said.reply.id, heard.id);
    assert.equal(heard.text, await byStream);
    assert.equal((await api.getMessage({ path: { ...path, message_id: heard.id } })).content, heard.text);
    assert.equal((await realtime.cancelMessage({ ...path, message_id: heard.id })).status, 'completed');
    await realtime.ping();
    assert.deepEqual(await realtime.echo({ a: [1, null] }), { a: [1, null] });
  });

  test('a reply is whole through cuts in its midst', async (t) => {
    const api = await learner();
    const path = await conversation(api);
    const resumes: unknown[] = [];
    const onFrame = ({ direction, text }: RawFrame) => {
      const frame = JSON.parse(text) as { connect?: { token: string; resume: unknown[] } };
      if (direction === 'out' && frame.connect) resumes.push(frame.connect.resume);
      assert.ok(!text.includes(api.tokens!.access_token), 'the token is shown');
    };
    const { realtime, states, until } = socket(t, api, { onFrame });
    await until('open');
    const subscription = realtime.subscribe(`conversation:${path.conversation_id}`);
    const me = realtime.subscribe('user:me');
    await Promise.all([subscription.ready, me.ready]);
    await realtime.sendMessage({ ...path, content: line });
    let deltas = 0;
    const heard = await reply(subscription, (type) => type === 'message.delta' && ++deltas % 3 === 0 && deltas < 10 && realtime.cut());

    assert.equal(heard.text, (await api.getMessage({ path: { ...path, message_id: heard.id } })).content);
    assert.ok(states.filter(({ status }) => status === 'waiting').length >= 2, 'it was cut');
    assert.equal(heard.types.filter((type) => type === 'message.created').length, 1);
    await until('open', 3);
    assert.equal((resumes.at(-1) as unknown[]).length, 2, 'both come back in one frame');
  });

  test('a message is said once, whatever is cut', async (t) => {
    const api = await learner();
    const path = await conversation(api);
    let cuts = 0;
    const onFrame = ({ direction, text }: RawFrame) => {
      if (direction === 'out' && text.includes('send_message') && cuts++ < 2) setImmediate(() => realtime.cut());
    };
    const { realtime } = socket(t, api, { onFrame });
    const said = await realtime.sendMessage({ ...path, content: line });

    assert.equal(cuts, 3);
    const { data } = await api.listMessages({ path });
    assert.deepEqual(data.map(({ role }) => role), ['assistant', 'user', 'assistant']);
    assert.equal(data[1]?.id, said.message.id);
  });

  test('a room is heard by both, through a cut, and tells who comes and goes', async (t) => {
    const [mei, tom] = [await learner(), await learner()];
    const a = socket(t, mei).realtime;
    const b = socket(t, tom).realtime;
    const topic = `room:practice-${crypto.randomUUID().slice(0, 8)}` as const;
    const heard = a.subscribe(topic);
    await heard.ready;
    const there = b.subscribe(topic);
    await there.ready;
    for (let n = 0; n < 30; n++) {
      await b.publish(topic, { n });
      if (n % 10 === 5) a.cut();
    }
    assert.equal((await a.presence(topic)).members.length, 2);
    await there.unsubscribe();

    const numbers: unknown[] = [];
    let joined = 0;
    for await (const { event } of heard) {
      if (event.type === 'room.message') numbers.push(event.data['n']);
      if (event.type === 'presence.joined' && event.member.user_id !== (await mei.getMe()).id) joined++;
      if (event.type === 'presence.left' && numbers.length === 30) break;
    }
    assert.deepEqual(numbers, Array.from({ length: 30 }, (_, n) => n));
    assert.equal(joined, 1);
    await assert.rejects(b.publish(topic, {}), (error) => error instanceof ProblemError && error.code === 'room.not_a_member');
  });

  test('the token is renewed on the open socket', async (t) => {
    const api = await learner();
    const before = api.tokens?.access_token;
    const connects: string[] = [];
    const onFrame = ({ direction, text }: RawFrame) => void (direction === 'out' && text.includes('"connect"') && connects.push(text));
    const { realtime, states, until } = socket(t, api, { onFrame, renewBefore: 900_000 - 500 });
    await until('open');
    while (connects.length < 2 || api.tokens?.access_token === before) await new Promise((resolve) => setTimeout(resolve, 50));
    await realtime.ping();
    assert.deepEqual(states.map(({ status }) => status), ['connecting', 'open']);
  });

  test('a token that is not valid is refreshed once, and a session that ended is the end', async (t) => {
    const api = await learner();
    await api.setTokens({ ...api.tokens!, access_token: 'expired' });
    const { realtime, states, until } = socket(t, api);
    const me = realtime.subscribe('user:me');
    await me.ready;
    assert.deepEqual(states.map(({ status }) => status), ['connecting', 'waiting', 'connecting', 'open']);

    const [session] = (await api.listSessions()).data;
    await api.revokeSession({ path: { session_id: session!.id } });
    await until('closed');
    await assert.rejects(async () => {
      for await (const { event } of me) assert.equal(event.type, 'session.revoked');
    }, (error) => error instanceof RealtimeClosedError && error.code === 4520);
    await assert.rejects(realtime.ping(), { code: 4520 });
  });

  test('what cannot be subscribed to is refused, and the rest goes on', async (t) => {
    const { realtime, until } = socket(t, await learner());
    const early = realtime.subscribe(`task:${crypto.randomUUID()}`); // in the first frame
    await until('open');
    const late = realtime.subscribe(`conversation:${crypto.randomUUID()}`);
    for (const each of [early, late]) {
      await assert.rejects(async () => {
        for await (const _ of each) assert.fail('nothing is there');
      }, (error) => error instanceof ProblemError && error.status === 404);
    }
    await realtime.ping();
  });

  test('sixty commands at once are not too fast', async (t) => {
    const { realtime, states } = socket(t, await learner());
    const values = Array.from({ length: 60 }, (_, n) => n);
    assert.deepEqual(await Promise.all(values.map((n) => realtime.echo(n))), values);
    assert.equal(states.length, 2);
  });

  test('a conversation that is deleted ends its subscription', async (t) => {
    const api = await learner();
    const path = await conversation(api);
    const { realtime } = socket(t, api);
    const types: string[] = [];
    for await (const { event } of realtime.subscribe(`conversation:${path.conversation_id}`)) {
      types.push(event.type);
      if (event.type === 'conversation.updated') await api.deleteConversation({ path });
    }
    assert.deepEqual(types, ['conversation.updated', 'conversation.deleted']);
  });
});
