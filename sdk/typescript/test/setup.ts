import assert from 'node:assert/strict';
import { createFluentPro, type FluentPro, type FluentProOptions, type MessageEvent, textOf } from '@fluentpro/sdk';

/** The root of the service under test. */
export const url = process.env['FLUENTPRO_URL'] ?? '';
assert.notEqual(url, '', 'FLUENTPRO_URL names no service; use npm test');

/** What these tests say. */
export const line = 'Good morning. Could we talk about your price for spring?';

/** Somebody who has just signed up. */
export async function learner(options: Partial<FluentProOptions> = {}): Promise<FluentPro> {
  const api = createFluentPro({ baseUrl: url, ...options });
  await api.signUp({ body: { email: `${crypto.randomUUID()}@example.com`, password: 'Harbour-Light-42', full_name: 'Mei Chen' } });
  return api;
}

/** A new conversation, as the `path` of its operations. */
export async function conversation(api: FluentPro): Promise<{ conversation_id: string }> {
  const { id } = await api.createConversation({ body: { partner_id: 'suppliers', situation_id: 'negotiations' } });
  return { conversation_id: id };
}

/** All that was read of a reply. */
export class Reading {
  text = '';
  readonly types: string[] = [];
  id = '';

  take(event: MessageEvent): void {
    this.types.push(event.type);
    this.text = textOf(event, this.text);
    if (event.type === 'message.started') this.id = event.message_id;
  }

  count(type: string): number {
    return this.types.filter((each) => each === type).length;
  }
}

export async function read(stream: AsyncIterable<MessageEvent>): Promise<Reading> {
  const reading = new Reading();
  for await (const event of stream) reading.take(event);
  return reading;
}
