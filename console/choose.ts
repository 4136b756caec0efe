import type { Conversation } from '../sdk/typescript/src/index.js';
import { el, field, form, select } from './dom.js';
import { Problems } from './problem.js';
import type { Session } from './session.js';

/** Starts a conversation, and lists the newest of one's own to open. */
export function choose(session: Session): HTMLElement {
  const { api } = session;
  const problems = new Problems();
  const list = el('ul', { id: 'conversations' });
  const entries = new Map<string, HTMLLIElement>();

  const mark = () => {
    for (const [id, item] of entries) item.querySelector('button')?.setAttribute('aria-current', String(id === session.conversation.value?.id));
  };
  const put = (conversation: Conversation, first: boolean) => {
    const text = [el('span', {}, conversation.title), el('small', {}, `${conversation.status} · ${conversation.message_count} messages`)];
    const open = el('button', { type: 'button', click: () => session.conversation.set(conversation) }, ...text);
    const item = el('li', { 'data-id': conversation.id }, open);
    const known = entries.get(conversation.id);
    entries.set(conversation.id, item);
    if (known) known.replaceWith(item);
    else if (first) list.prepend(item);
    else list.append(item);
    mark();
  };
  const read = async () => {
    const page = await problems.attempt(() => api.listConversations({ query: { limit: 20 } }));
    if (!page) return;
    entries.clear();
    list.replaceChildren();
    for (const conversation of page.data) put(conversation, false);
  };
  session.mine.listen((event) => {
    if (event === undefined) return void read();
    if ('conversation' in event) put(event.conversation, true);
    if (event.type !== 'conversation.deleted') return;
    entries.get(event.conversation_id)?.remove();
    entries.delete(event.conversation_id);
  });
  session.conversation.listen(mark);
  void read();

  const start = async (from: HTMLFormElement) => {
    const body = Object.fromEntries(new FormData(from)) as { partner_id: string; situation_id: string };
    const made = await problems.attempt(() => api.createConversation({ body }), from);
    if (!made) return;
    put(made, true);
    session.conversation.set(made);
  };
  const starter = form(
    (from) => void start(from),
    { id: 'start', class: 'stack' },
    field('Partner', select('partner_id', session.partners)),
    field('Situation', select('situation_id', session.situations)),
    el('button', { class: 'primary' }, 'Start a conversation'),
  );
  return el(
    'div',
    { class: 'card stack', id: 'choose' },
    el('h2', {}, 'New conversation'),
    starter,
    problems.element,
    el('h3', {}, 'Your conversations'),
    list,
  );
}
