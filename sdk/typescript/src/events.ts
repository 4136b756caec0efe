import type { ConversationEvent, MessageEvent, UserEvent } from './gen/index.js';

/** Events of a reply after which nothing comes. */
export const lastOfMessage: ReadonlySet<string> = new Set([
  'message.completed',
  'message.failed',
  'message.cancelled',
  'session.revoked',
] satisfies MessageEvent['type'][]);

/** Events of a conversation after which nothing comes. */
export const lastOfConversation: ReadonlySet<string> = new Set([
  'conversation.deleted',
  'session.revoked',
] satisfies ConversationEvent['type'][]);

/** Events of a task after which nothing comes. */
export const lastOfTask: ReadonlySet<string> = new Set([
  'task.completed',
  'task.failed',
  'task.cancelled',
  'session.revoked',
]);

/** Events of a user after which nothing comes: the end of one's own session, which has no cursor. */
export const lastOfMine: ReadonlySet<string> = new Set(['session.revoked'] satisfies UserEvent['type'][]);

/**
 * The text of a reply after an event, of the text before it. A reply that begins again replaces what was there, and the
 * last event carries all of it:
 *
 *     let text = '';
 *     for await (const event of stream) text = textOf(event, text);
 */
export function textOf(event: MessageEvent | ConversationEvent, before: string): string {
  switch (event.type) {
    case 'message.started':
      return event.text;
    case 'message.delta':
      return before + event.text;
    case 'message.completed':
    case 'message.failed':
    case 'message.cancelled':
      return event.message.content;
    default:
      return before;
  }
}
