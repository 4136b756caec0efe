import { lastOfConversation, lastOfTask } from './events.js';
import type { ConversationEvent, RealtimeEvent, TaskEvent, UserEvent } from './gen/index.js';

/** What can be subscribed to. A room's name has 3 to 64 characters of `a-z`, `0-9` and `-`. */
export type Topic = `conversation:${string}` | `task:${string}` | 'user:me' | `room:${string}`;

/** One event of a room. After `stream.restarted` what the reader holds is to be replaced by what follows. */
export type RoomEvent = Extract<RealtimeEvent, { type: 'room.message' | 'presence.joined' | 'presence.left' | 'stream.restarted' }>;

/** The events of a topic. Types of events that this package does not know come as they are. */
export type EventOf<T extends Topic> = T extends `conversation:${string}`
  ? ConversationEvent
  : T extends `task:${string}`
    ? TaskEvent
    : T extends 'user:me'
      ? UserEvent
      : RoomEvent;

/** What a subscription gives. */
export interface Push<T extends Topic = Topic> {
  event: EventOf<T>;
  /** Where to go on after this event, as `after`, here or in the stream of the same. Some last events have none. */
  cursor: string | undefined;
}

/** Whether nothing of the topic comes after an event of this type. */
export function isLast(topic: string, type: string): boolean {
  if (type === 'stream.closing') return true; // of this topic alone
  if (topic.startsWith('conversation:')) return lastOfConversation.has(type);
  return topic.startsWith('task:') && lastOfTask.has(type);
}

/** Whether it is for the client to tell of a gap. Of `user:me` the service does, and the others have none. */
export function isRoom(topic: string): boolean {
  return topic.startsWith('room:');
}
