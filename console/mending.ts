import type { Task } from '../sdk/typescript/src/index.js';
import { button, confirmed, el, field } from './dom.js';
import { Problems } from './problem.js';
import { finished, taskLine } from './progress.js';
import type { Session } from './session.js';

/** The result of recoverConversation. */
interface Plan {
  target: number;
  needed: boolean;
  is_complete: boolean;
  findings: { version: number; rule: string; subject?: string }[];
  healed: { version: number; what: string; from: string }[];
  lost: { version: number; what: string; instead: string }[];
  notes: string[];
}

/** Verifying a conversation and making it good: planned first, done only after a question. `changed` is told when it is done. */
export function mending(session: Session, conversation_id: string, changed: () => Promise<unknown>): HTMLElement {
  if (!session.user.roles.includes('admin')) return el('p', { class: 'card quiet' }, 'To verify and to recover is for administrators.');
  const { api } = session;
  const problems = new Problems();
  const list = el('ul');
  const report = el('div', { id: 'report', class: 'stack', role: 'status' });
  const target = el('input', { name: 'version', type: 'number', min: 1, inputmode: 'numeric' });

  /** Begins a task, shows it, and gives its result once it has one. */
  const run = async <Result>(begin: () => Promise<Task>): Promise<Result | undefined> => {
    report.replaceChildren();
    const done = await problems.attempt(async () => {
      const task = await begin();
      const { element, put } = taskLine(session, task);
      list.replaceChildren(element);
      return finished(session, task, put);
    }, actions);
    return done?.status === 'completed' ? (done.result as Result) : undefined;
  };
  const verify = async () => {
    const result = await run<{ versions: number; findings: number }>(() => api.createVerification({ body: { conversation_ids: [conversation_id] } }));
    if (!result) return;
    await problems.attempt(changed);
    report.replaceChildren(el('p', {}, `Verified ${result.versions} versions: ${result.findings} findings.`));
  };
  const body = () => (target.value === '' ? {} : { version: target.valueAsNumber });
  const plan = async () => {
    const chosen = body();
    const made = await run<Plan>(() => api.recoverConversation({ path: { conversation_id }, body: { ...chosen, dry_run: true } }));
    if (!made) return;
    report.replaceChildren(...told(made, 'would be'));
    if (made.needed) report.append(button('Recover', () => void recover(chosen, made), { id: 'recover', class: 'primary' }));
  };
  const recover = async (chosen: { version?: number }, { lost }: Plan) => {
    const loss = lost.length === 0 ? '' : ` ${lost.length} things are lost for good.`;
    if (!(await confirmed(`Make the conversation good, as a new version? Who reads it is told.${loss}`, 'Recover'))) return;
    const made = await run<Plan>(() => api.recoverConversation({ path: { conversation_id }, body: chosen }));
    if (!made) return;
    await problems.attempt(changed);
    report.replaceChildren(...told(made, 'were'));
  };

  const actions = el(
    'div',
    { class: 'row mending' },
    button('Verify', () => void verify(), { id: 'verify' }),
    field('To version (empty: the newest)', target),
    button('Plan a recovery', () => void plan(), { id: 'plan-recovery' }),
  );
  return el('div', { class: 'card stack' }, el('h3', {}, 'Verify and recover'), actions, problems.element, list, report);
}

function told({ needed, is_complete, target, findings, healed, lost, notes }: Plan, when: string): HTMLElement[] {
  if (!needed) return [el('p', {}, 'It is whole: nothing is to be done.')];
  const to = target > 0 ? ` The content is that of version ${target}.` : '';
  const items = [
    ...findings.map(({ version, rule, subject }) => `${at(version)}${rule}${subject ? ` of ${subject}` : ''}`),
    ...healed.map(({ version, what, from }) => `${at(version)}${what} ${when} healed from ${from}`),
    ...lost.map(({ version, what, instead }) => `${at(version)}${what} is lost; in its place: ${instead}`),
    ...notes,
  ];
  return [
    el('p', {}, `${findings.length} findings. Of the history ${healed.length} ${when} healed, ${lost.length} ${when} lost; ${is_complete ? 'nothing is missing' : 'it is not complete'} afterwards.${to}`),
    el('ul', { class: 'told' }, ...items.map((item) => el('li', {}, item))),
  ];
}

function at(version: number): string {
  return version > 0 ? `Version ${version}: ` : '';
}
