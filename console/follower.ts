import type { FluentPro, Realtime, Topic } from '../sdk/typescript/src/index.js';

/** One who hears of a topic, by whichever way. */
export interface Follower {
  topic: Topic;
  take(event: { type: string }): void;
  failed(error: unknown): void;
  began(): void;
  cursor: string | undefined;
  position: () => string | undefined; // of the way that it takes now
  stop: AbortController;
}

/** Rooms are only on the WebSocket. */
export function isRoom({ topic }: Follower): boolean {
  return topic.startsWith('room:');
}

/** Follows over the WebSocket, to the end of the topic or of the signal; `resumed` is told if it went on behind a cursor. */
export async function overSocket(follower: Follower, socket: Realtime, signal: AbortSignal, resumed: () => void): Promise<void> {
  const { topic, cursor: after, take } = follower;
  const subscription = socket.subscribe(topic, { after, signal, onEvent: ({ event }) => take(event) });
  follower.position = () => subscription.position ?? after;
  const told = ({ recovered }: { recovered: boolean }) => {
    if (recovered && after !== undefined && topic.startsWith('conversation:')) resumed();
    follower.began();
  };
  subscription.ready.then(told, () => {}); // the iteration below throws
  for await (const _ of subscription); // it only waits for the end
}

/** The same over a stream of its own. */
export async function overStream(follower: Follower, api: FluentPro, signal: AbortSignal): Promise<void> {
  const { topic, cursor: after, take } = follower;
  const options = { signal, ...(after === undefined ? {} : { headers: { 'Last-Event-ID': after } }) };
  const conversation_id = topic.slice(topic.indexOf(':') + 1);
  const stream = topic === 'user:me' ? api.streamMyEvents(options) : api.streamConversationEvents({ ...options, path: { conversation_id } });
  follower.position = () => stream.lastEventId ?? after;
  for await (const event of stream) take(event);
}
