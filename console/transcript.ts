import { type ConversationEvent, type Message, textOf } from '../sdk/typescript/src/index.js';
import { el } from './dom.js';

/** A message as it is shown. */
interface Shown {
  item: HTMLLIElement;
  status: HTMLElement;
  body: HTMLElement;
  text: string;
  message?: Message;
}

const inFlight = new Set(['pending', 'streaming']);

/** The messages of a conversation, in their order, as they are written. */
export class Transcript {
  readonly element = el('ol', { id: 'transcript', role: 'log', 'aria-live': 'polite', 'aria-label': 'Conversation', tabindex: 0 });
  #shown = new Map<string, Shown>();

  /** Shows these messages and no others. */
  reset(messages: Message[]): void {
    this.#shown.clear();
    this.element.replaceChildren();
    for (const message of messages) this.put(message);
  }

  put(message: Message): void {
    const shown = this.#of(message.id, message.role);
    shown.message = message;
    this.#write(shown, message.content, message.status);
    if (message.problem) shown.status.textContent = `${message.status}: ${message.problem.code}`;
  }

  take(event: ConversationEvent): void {
    switch (event.type) {
      case 'message.started':
      case 'message.delta': {
        const shown = this.#of(event.message_id, 'assistant');
        this.#write(shown, textOf(event, shown.text), 'streaming');
        break;
      }
      case 'message.created':
      case 'message.completed':
      case 'message.failed':
      case 'message.cancelled':
        this.put(event.message);
    }
  }

  /** The reply that is being written, if one is. */
  get flying(): string | undefined {
    return [...this.#shown].find(([, { item }]) => inFlight.has(item.dataset['status'] ?? ''))?.[0];
  }

  /** The newest message, if it is a reply that has ended. */
  get retryable(): string | undefined {
    const last = [...this.#shown].at(-1);
    return last && last[1].item.dataset['role'] === 'assistant' && !this.flying ? last[0] : undefined;
  }

  #of(id: string, role: string): Shown {
    const known = this.#shown.get(id);
    if (known) return known;
    const status = el('span', { class: 'quiet' });
    const body = el('p');
    const item = el('li', { 'data-id': id, 'data-role': role }, el('div', {}, el('b', {}, role === 'user' ? 'You' : 'Partner'), ' ', status), body);
    const made = { item, status, body, text: '' };
    this.#shown.set(id, made);
    this.element.append(item);
    return made;
  }

  #write(shown: Shown, text: string, status: string): void {
    const { element } = this;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight < 60;
    shown.text = shown.body.textContent = text;
    shown.status.textContent = status === 'completed' ? '' : status;
    shown.item.dataset['status'] = status;
    shown.item.setAttribute('aria-busy', String(inFlight.has(status))); // it is read aloud once it is whole
    if (below) element.scrollTop = element.scrollHeight;
  }
}
