import { button, byId, el, timeOf } from './dom.js';
import type { Entry } from './entry.js';

const most = 500;
const arrows = { in: '←', out: '→', note: '•' } as const;

/** The panel of frames: the last 500, newest below. */
export class Frames {
  #entries: Entry[] = [];
  #unseen = 0; // came while the panel was paused
  #paused = false;
  readonly #list = el('ol', { id: 'frame-list', tabindex: 0, 'aria-label': 'Frames, newest last' });
  readonly #pause = button('Pause', () => this.#toggle(), { 'aria-pressed': 'false', id: 'frames-pause' });
  readonly #said = el('span', { class: 'quiet', role: 'status' });

  constructor() {
    byId('frames').replaceChildren(
      el(
        'details',
        { open: window.matchMedia('(min-width: 1000px)').matches },
        el('summary', {}, el('h2', {}, 'Frames')),
        el(
          'div',
          { class: 'row' },
          this.#pause,
          button('Clear', () => this.clear(), { id: 'frames-clear' }),
          button('Copy', () => void this.#copy(), { id: 'frames-copy' }),
          this.#said,
        ),
        this.#list,
      ),
    );
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
    if (this.#entries.length > most) this.#entries.shift();
    if (this.#paused) this.#said.textContent = `${++this.#unseen} more`;
    else this.#show([entry]);
  }

  #show(entries: Entry[]): void {
    const list = this.#list;
    const below = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    list.append(...entries.map(line));
    while (list.childElementCount > most) list.firstElementChild?.remove();
    if (below) list.scrollTop = list.scrollHeight; // who has scrolled up is reading
  }

  #toggle(): void {
    this.#paused = !this.#paused;
    this.#pause.setAttribute('aria-pressed', String(this.#paused));
    this.#pause.textContent = this.#paused ? 'Go on' : 'Pause';
    this.#said.textContent = '';
    if (!this.#paused) this.#show(this.#entries.slice(Math.max(0, this.#entries.length - this.#unseen)));
    this.#unseen = 0;
  }

  clear(): void {
    this.#entries = [];
    this.#unseen = 0;
    this.#said.textContent = '';
    this.#list.replaceChildren();
  }

  /** The clipboard is there on https and on this machine only. */
  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.#entries.map((entry) => JSON.stringify(entry)).join('\n'));
      this.#said.textContent = `${this.#entries.length} copied`;
    } catch {
      this.#said.textContent = 'The browser refuses.';
    }
  }
}

/** A line for each; ids and cursors are shown by their ends, which tell them apart, and are whole below. */
function line({ at, direction, topic, type, cursor, text }: Entry): HTMLLIElement {
  const head = [
    el('span', { class: 'arrow', 'aria-label': direction }, arrows[direction]),
    el('time', {}, timeOf(at)),
    el('b', { title: type }, short(type)),
    el('span', { class: 'quiet', title: topic }, short(topic)),
    ...(cursor ? [el('code', { class: 'quiet', title: `cursor ${cursor}` }, `@${cursor.slice(-6)}`)] : []),
  ];
  const shown = { class: `frame ${direction}`, 'data-type': type };
  if (text === '') return el('li', shown, el('div', {}, ...head));
  return el('li', shown, el('details', {}, el('summary', {}, ...head), el('pre', {}, text)));
}

function short(text: string): string {
  return text.replace(/[0-9a-f-]{30}(?=[0-9a-f]{6})/g, '…');
}
