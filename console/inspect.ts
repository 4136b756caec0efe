import type { ConversationHealth } from '../sdk/typescript/src/index.js';
import { button, byId, el, field, form } from './dom.js';
import { health, Inspection, why } from './inspection.js';
import { Problems } from './problem.js';
import type { Session } from './session.js';

/** Whether somebody may look into the conversations of others. The service decides; this only hides what it would refuse. */
export function mayInspect({ user }: Session): boolean {
  return user.roles.some((role) => role === 'moderator' || role === 'admin');
}

/** The panel of what is stored: the conversations that are worst off, and any one, by its id. */
export function makeInspect(session: Session): void {
  if (!mayInspect(session)) return;
  const { api } = session;
  const problems = new Problems();
  const list = el('ul', { id: 'worst', class: 'stack' });
  const none = el('p', { class: 'quiet', hidden: true }, 'Nothing is said against any conversation.');
  const place = el('div', { id: 'inspection' });
  const id = el('input', { name: 'conversation_id', required: true, autocomplete: 'off', spellcheck: 'false' });
  let cursor: string | null = null;

  const read = async (from: string | null) => {
    const page = await problems.attempt(() => api.listConversationHealth({ query: { limit: 10, ...(from === null ? {} : { cursor: from }) } }));
    if (!page) return;
    if (from === null) list.replaceChildren();
    list.append(...page.data.map((each) => line(each, show)));
    none.hidden = list.childElementCount > 0;
    cursor = page.next_cursor;
    more.hidden = cursor === null;
  };
  const show = async (conversation_id: string) => {
    id.value = conversation_id;
    const shown = new Inspection(session, conversation_id, show);
    if (!(await problems.attempt(() => shown.read(), open))) return;
    place.replaceChildren(shown.element);
    shown.focus();
  };
  const more = button('More', () => void read(cursor), { hidden: true });
  const open = form(
    () => void show(id.value.trim()),
    { id: 'inspect-open', class: 'row' },
    field('Conversation', id),
    el('button', { class: 'primary' }, 'Inspect'),
  );

  byId('inspect').replaceChildren(
    el(
      'div',
      { class: 'stack' },
      el(
        'div',
        { class: 'card stack' },
        el('div', { class: 'spread' }, el('h2', {}, 'Worst health'), button('Read again', () => void read(null), { id: 'worst-again' })),
        none,
        list,
        more,
        open,
        el('p', { class: 'quiet' }, 'The id of anyone’s. Nothing that was written in it is shown.'),
        problems.element,
      ),
      place,
    ),
  );
  byId('inspect').addEventListener('shown', () => void read(null));
}

function line({ conversation_id, score, reasons }: ConversationHealth, show: (id: string) => Promise<void>): HTMLElement {
  const click = () => void show(conversation_id);
  return el(
    'li',
    {},
    el('button', { type: 'button', class: 'worst', 'data-id': conversation_id, click }, health(score), el('code', {}, conversation_id), el('small', {}, why(reasons))),
  );
}
