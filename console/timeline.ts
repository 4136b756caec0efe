import type { ConversationInspection, HistoryStep, StoredMessageChange, StoredMessageState, StoredVersionDiff } from '../sdk/typescript/src/index.js';
import { el, form, stampOf, table } from './dom.js';
import { Problems } from './problem.js';
import type { Session } from './session.js';

/** The versions of a conversation that is inspected, and what two of them differ in. */
export function timeline({ api }: Session, inspected: ConversationInspection): HTMLElement {
  const problems = new Problems();
  const place = el('div', { id: 'stored-difference', 'aria-live': 'polite' });
  const counts = new Map<number, number>();
  for (const { version } of inspected.findings) if (version !== null) counts.set(version, (counts.get(version) ?? 0) + 1);

  const who = (actor: string | null, operator: string | null) => operator ?? (actor === null ? 'the service' : actor === inspected.user_id ? 'the learner' : actor);
  const row = ({ version, operation, at, actor_id, operator, restored_version }: HistoryStep, i: number) => {
    const pick = (name: string, checked: boolean) => el('td', {}, el('input', { type: 'radio', name, value: version, checked, 'aria-label': `${name} version ${version}` }));
    const found = counts.get(version);
    const what = restored_version === null ? operation : `${operation} to ${restored_version}`;
    return el(
      'tr',
      { 'data-version': version, 'data-damaged': found !== undefined },
      pick('from', i === Math.min(1, inspected.history.length - 1)),
      pick('to', i === 0),
      el('th', { scope: 'row' }, String(version)),
      el('td', {}, what),
      el('td', {}, stampOf(at)),
      el('td', { class: 'wide' }, who(actor_id, operator)),
      el('td', {}, found === undefined ? '–' : String(found)),
    );
  };
  const compare = async (from: HTMLFormElement) => {
    const [against, version] = ['from', 'to'].map((name) => Number(new FormData(from).get(name)));
    if (!against || !version) return;
    const path = { conversation_id: inspected.conversation_id, version };
    const found = await problems.attempt(() => api.compareStoredVersions({ path, query: { against } }), from);
    place.replaceChildren(...(found ? [difference(found)] : []));
  };
  const heads = ['From', 'To', 'Version', 'What', 'When (UTC)', '~Who', 'Findings'];
  return el(
    'div',
    { class: 'card stack' },
    el('h3', {}, 'Timeline'),
    form(
      (from) => void compare(from),
      { class: 'stack', id: 'compare-stored' },
      table('Timeline', heads, inspected.history.map(row)),
      el('div', { class: 'row' }, el('button', { class: 'primary' }, 'Compare')),
    ),
    problems.element,
    place,
  );
}

/** What differs, in numbers and hashes: what learners write is not for operators. */
function difference({ version, against, fields, messages, message_count }: StoredVersionDiff): HTMLElement {
  const lines = [
    ...fields.map(({ name, before, after }) => line('changed', name, before ?? 'not shown', after ?? 'not shown')),
    ...messages.map(message),
  ];
  const title = el('h3', {}, `Version ${against} against ${version}`);
  if (lines.length === 0) return el('div', { class: 'stack' }, title, el('p', { class: 'quiet' }, 'Nothing differs but times.'));
  return el(
    'div',
    { class: 'stack' },
    title,
    table('What differs', ['What', `Version ${against}`, `Version ${version}`], lines, { class: 'sides' }),
    el('p', { class: 'quiet' }, `${message_count} messages differ${message_count > messages.length ? `; the first ${messages.length} are shown` : ''}. The same hash is the same text.`),
  );
}

function message({ message_id, seq, role, changed, before, after }: StoredMessageChange): HTMLElement {
  const kind = before === null ? 'added' : after === null ? 'removed' : 'changed';
  return line(kind, `Message ${seq}, ${role}`, said(before), said(after), kind === 'changed' ? `: ${changed.join(', ')}` : '', message_id);
}

function said(state: StoredMessageState | null): string {
  if (state === null) return '–';
  const { status, finish_reason, bytes, fingerprint, tokens, attempt, since } = state;
  const words = [
    `${status}${finish_reason === null ? '' : ` (${finish_reason})`}`,
    `${bytes} bytes${fingerprint === null || bytes === 0 ? '' : `, hash ${fingerprint}`}`,
    ...(tokens === null ? [] : [`${tokens} tokens`]),
    `attempt ${attempt}, since version ${since}`,
  ];
  return words.join('\n');
}

function line(kind: string, what: string, before: string, after: string, more = '', id?: string): HTMLElement {
  return el('tr', { 'data-kind': kind }, el('th', { scope: 'row', title: id }, what, el('small', {}, `${kind}${more}`)), el('td', {}, before), el('td', {}, after));
}
