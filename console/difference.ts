import type { Message, VersionDiff, VersionState } from '../sdk/typescript/src/index.js';
import { el } from './dom.js';

/** Fields that say when and how often, which differ between any two versions. */
const counted = new Set(['id', 'updated_at', 'last_activity_at', 'created_at', 'version', 'message_count', 'tokens_used']);

/** Shows two versions side by side: sentences, fields, texts, and the patch that leads from one to the other. */
export function difference(from: VersionState, to: VersionState, { summary, patch }: VersionDiff): HTMLElement {
  const lines = [...fields(from, to), ...texts(from.messages, to.messages)];
  return el(
    'div',
    { class: 'stack' },
    el('h3', {}, `Version ${from.version} against ${to.version}`),
    el('ul', { id: 'summary' }, ...summary.map((sentence) => el('li', {}, sentence))),
    el(
      'div',
      { class: 'scroll', tabindex: 0, 'aria-label': 'Side by side' },
      el(
        'table',
        { class: 'sides' },
        el('thead', {}, el('tr', {}, ...['What', `Version ${from.version}`, `Version ${to.version}`].map((text) => el('th', { scope: 'col' }, text)))),
        el('tbody', {}, ...lines),
      ),
    ),
    el('details', {}, el('summary', {}, `Patch of ${patch.length} operations (RFC 6902)`), el('pre', { id: 'patch' }, JSON.stringify(patch, null, 2))),
  );
}

function fields(from: VersionState, to: VersionState): HTMLElement[] {
  const [one, other] = [from.conversation, to.conversation] as unknown as Record<string, unknown>[];
  const names = [...new Set([...Object.keys(one!), ...Object.keys(other!)])].filter((name) => !counted.has(name));
  return names.filter((name) => text(one![name]) !== text(other![name])).map((name) => line(name, text(one![name]), text(other![name])));
}

function texts(from: Message[], to: Message[]): HTMLElement[] {
  const [one, other] = [from, to].map((messages) => new Map(messages.map((message) => [message.id, message])));
  return [...new Set([...one!.keys(), ...other!.keys()])].map((id) => {
    const [before, after] = [one!.get(id), other!.get(id)];
    return line((before ?? after)!.role, said(before), said(after));
  });
}

function said(message: Message | undefined): string | undefined {
  return message && (message.status === 'completed' ? message.content : `[${message.status}] ${message.content}`);
}

function text(value: unknown): string | undefined {
  return value === undefined || typeof value === 'string' ? value : JSON.stringify(value, null, 1);
}

/** One row; what is on one side alone is marked by a word too, since colours are not seen by all. */
function line(what: string, before: string | undefined, after: string | undefined): HTMLElement {
  const kind = before === after ? 'same' : before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  const side = (value: string | undefined) => el('td', {}, value ?? '–');
  return el('tr', { 'data-kind': kind }, el('th', { scope: 'row' }, what, ...(kind === 'same' ? [] : [el('small', {}, ` ${kind}`)])), side(before), side(after));
}
