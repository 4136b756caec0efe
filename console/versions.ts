import type { Conversation, Version, VersionDiff, VersionState } from '../sdk/typescript/src/index.js';
import { button, byId, confirmed, el, form, timeOf } from './dom.js';
import { difference } from './difference.js';
import { Problems } from './problem.js';
import type { Session } from './session.js';

/** The panel of versions: the history of the conversation that is open, what differs, and the way back. */
export function makeVersions(session: Session): void {
  const { api } = session;
  const problems = new Problems();
  const rows = el('tbody');
  const place = el('div', { id: 'difference', 'aria-live': 'polite' });
  const none = el('p', { class: 'quiet' }, 'Open a conversation first.');
  let shown = ''; // which version of which conversation

  const read = async (conversation: Conversation | undefined) => {
    none.hidden = conversation !== undefined;
    body.hidden = conversation === undefined;
    if (!conversation || byId('versions').hidden || shown === `${conversation.id} ${conversation.version}`) return;
    if (!shown.startsWith(conversation.id)) place.replaceChildren();
    shown = `${conversation.id} ${conversation.version}`;
    const path = { conversation_id: conversation.id };
    const page = await problems.attempt(() => api.listVersions({ path, query: { limit: 100 } }));
    if (page) rows.replaceChildren(...page.data.map((version, i) => row(version, i, conversation)));
  };
  const row = ({ version, operation, at }: Version, i: number, conversation: Conversation) => {
    const pick = (name: string, checked: boolean) => el('input', { type: 'radio', name, value: version, checked, 'aria-label': `${name} version ${version}` });
    const back = button('Roll back', () => void rollBack(version), { 'data-version': version, 'aria-label': `Roll back to version ${version}`, disabled: i === 0 || conversation.status !== 'active' });
    return el('tr', {}, el('td', {}, pick('from', i === 1)), el('td', {}, pick('to', i === 0)), el('td', {}, String(version)), el('td', {}, operation), el('td', { class: 'wide' }, timeOf(at)), el('td', {}, back));
  };
  const rollBack = async (version: number) => {
    const conversation_id = session.conversation.value?.id;
    if (conversation_id === undefined || !(await confirmed(`Give the conversation the content of version ${version}, as a new version?`, 'Roll back'))) return;
    const after = await problems.attempt(() => api.rollbackConversation({ path: { conversation_id }, body: { version } }), body);
    if (after) session.conversation.set(after);
  };
  const compare = async (from: HTMLFormElement) => {
    const conversation_id = session.conversation.value?.id;
    const [against, version] = ['from', 'to'].map((name) => Number(new FormData(from).get(name)));
    if (conversation_id === undefined || !against || !version) return;
    const state = (n: number) => api.getVersion({ path: { conversation_id, version: n }, query: { limit: 100 } });
    const found = await problems.attempt<[VersionState, VersionState, VersionDiff]>(
      () => Promise.all([state(against), state(version), api.compareVersions({ path: { conversation_id, version }, query: { against } })]),
      from,
    );
    if (found) place.replaceChildren(difference(...found));
  };

  const heads = ['From', 'To', 'Version', 'What', 'When', ''].map((text) => el('th', { scope: 'col', class: text === 'When' ? 'wide' : '' }, text));
  const table = el('table', {}, el('thead', {}, el('tr', {}, ...heads)), rows);
  const body = el(
    'div',
    { class: 'stack', hidden: true },
    form((from) => void compare(from), { class: 'stack', id: 'compare' }, el('div', { class: 'scroll', tabindex: 0, 'aria-label': 'Versions' }, table), el('div', { class: 'row' }, el('button', { class: 'primary' }, 'Compare'))),
    place,
  );
  byId('versions').replaceChildren(el('div', { class: 'card stack' }, el('h2', {}, 'Versions'), problems.element, none, body));
  byId('versions').addEventListener('shown', () => void read(session.conversation.value));
  session.conversation.listen((conversation) => void read(conversation));
}
