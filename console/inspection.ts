import type { ConversationInspection, Finding, HealthReason } from '../sdk/typescript/src/index.js';
import { button, type Child, drawing, el, stampOf, table } from './dom.js';
import { mending } from './mending.js';
import type { Session } from './session.js';
import { timeline } from './timeline.js';

/** One conversation as an operator sees it: how it is, what does not hold, and how it came to be so. */
export class Inspection {
  readonly element: HTMLElement;
  readonly #head = el('div', { class: 'card stack' });
  readonly #rest = el('div', { class: 'stack' });

  constructor(
    private readonly session: Session,
    private readonly id: string,
    private readonly show: (id: string) => Promise<void>,
  ) {
    this.element = el('div', { class: 'stack', 'data-id': id }, this.#head, mending(session, id, () => this.read()), this.#rest);
  }

  /** Reads it, or reads it again. */
  async read(): Promise<true> {
    const path = { conversation_id: this.id };
    const [found, svg] = await Promise.all([this.session.api.inspectConversation({ path }), this.session.api.drawConversation({ path })]);
    this.#head.replaceChildren(el('h2', { tabindex: -1 }, 'Conversation ', el('code', {}, this.id)), facts(found, this.show));
    this.#rest.replaceChildren(
      el('div', { class: 'card stack' }, el('h3', {}, `Findings: ${found.findings.length}`), findings(found.findings)),
      el('div', { class: 'card stack' }, el('h3', {}, 'Version graph'), graph(svg)),
      timeline(this.session, found),
    );
    return true;
  }

  focus(): void {
    this.#head.querySelector('h2')?.focus();
  }
}

/** A score with a word, since colours are not seen by all. */
export function health(score: number): HTMLElement {
  const word = score >= 80 ? 'good' : score >= 50 ? 'poor' : 'bad';
  return el('span', { class: 'health', 'data-health': word }, `${score} ${word}`);
}

export function why(reasons: HealthReason[]): string {
  return reasons.map(({ points, detail }) => `${detail} (−${points})`).join(' · ');
}

function facts(found: ConversationInspection, show: (id: string) => Promise<void>): HTMLElement {
  const { parent, forks, token_limit } = found;
  const go = (id: string) => button(id, () => void show(id), { class: 'link' });
  const rows: [string, Child[]][] = [
    ['Health', [health(found.health.score), ` ${why(found.health.reasons)}`]],
    ['Learner', [el('code', {}, found.user_id)]],
    ['About', [`${found.partner_id}, ${found.situation_id}`]],
    ['Status', [`${found.status}, version ${found.version}, ${found.message_count} messages`]],
    ['Tokens', [`${found.tokens_used} used${token_limit === null ? '' : ` of ${token_limit}`}`]],
    ['Last activity', [`${stampOf(found.last_activity_at)} UTC`]],
    ...(parent ? ([['Forked from', [`version ${parent.version} of `, go(parent.conversation_id)]]] as [string, Child[]][]) : []),
    ...(forks.length > 0 ? ([['Forked as', forks.map(go)]] as [string, Child[]][]) : []),
  ];
  return el('dl', {}, ...rows.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, ...value)]));
}

function findings(all: Finding[]): HTMLElement {
  if (all.length === 0) return el('p', { class: 'quiet', id: 'findings' }, 'All that is stored holds.');
  const cell = (text: string) => el('td', {}, text);
  const rows = all.map(({ version, rule, subject, expected, found }) =>
    el('tr', { 'data-rule': rule }, el('td', {}, version === null ? '–' : String(version)), el('th', { scope: 'row' }, rule), ...[subject ?? '–', expected, found].map(cell)),
  );
  return table('Findings', ['Version', 'Rule', 'Of what', 'Expected', 'Found'], rows, { id: 'findings', class: 'findings' });
}

function graph(svg: string): HTMLElement {
  return el('div', { class: 'scroll', id: 'graph', tabindex: 0, role: 'group', 'aria-label': 'Version graph' }, drawing(svg));
}
