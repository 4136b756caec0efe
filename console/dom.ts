// Elements are made here and nowhere else. What learners write becomes text nodes, never markup.

export type Child = Node | string;
type Attributes = Record<string, string | number | boolean | undefined | ((event: Event) => void)>;

/** Makes an element. A function among its attributes listens to the event of that name. */
export function el<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name, value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children);
  return made;
}

/** Finds what index.html has. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

export function button(text: string, click: () => void, attributes: Attributes = {}): HTMLButtonElement {
  return el('button', { type: 'button', click, ...attributes }, text);
}

/** A field with its label above it. */
export function field(label: string, input: HTMLElement, hint?: string): HTMLLabelElement {
  return el('label', { class: 'field' }, el('span', {}, label), input, ...(hint ? [el('small', {}, hint)] : []));
}

/** A choice of one. */
export function select(name: string, options: { id: string; name: string }[], chosen?: string | null): HTMLSelectElement {
  const all = options.map(({ id, name: text }) => el('option', { value: id, selected: id === chosen }, text));
  return el('select', { name, required: true }, ...all);
}

/** A radio button or a checkbox with its label beside it. */
export function choice(type: 'radio' | 'checkbox', name: string, value: string, checked: boolean, ...label: Child[]): HTMLLabelElement {
  return el('label', { class: 'choice' }, el('input', { type, name, value, checked }), el('span', {}, ...label));
}

/** What is chosen of a name in a form, in the order of the page. */
export function chosen(form: HTMLFormElement, name: string): string[] {
  return new FormData(form).getAll(name).map(String);
}

/** A form whose Enter key and button do the same; it never leaves the page. */
export function form(submit: (form: HTMLFormElement) => void, attributes: Attributes, ...children: Child[]): HTMLFormElement {
  const made: HTMLFormElement = el('form', { ...attributes, submit: (event) => (event.preventDefault(), submit(made)) }, ...children);
  return made;
}

/** Asks before what cannot be undone. Escape says no. */
export function confirmed(question: string, yes: string): Promise<boolean> {
  const dialog = byId('confirm') as HTMLDialogElement;
  return new Promise((resolve) => {
    const answer = (value: string) => () => dialog.close(value);
    dialog.replaceChildren(
      el('p', {}, question),
      el('div', { class: 'row' }, button(yes, answer('yes'), { class: 'primary', id: 'confirm-yes' }), button('No', answer('no'))),
    );
    dialog.returnValue = 'no';
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
    dialog.showModal();
  });
}

export function timeOf(at: number | string): string {
  return new Date(at).toLocaleTimeString('en-GB');
}

/** A moment as those who compare logs write it. */
export function stampOf(at: string): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

/** A table that scrolls by itself where it is too wide, by the keys too. Columns whose name begins with ~ are left out on phones. */
export function table(label: string, heads: string[], rows: HTMLElement[], attributes: Attributes = {}): HTMLElement {
  const columns = heads.map((text) => el('th', { scope: 'col', class: text.startsWith('~') ? 'wide' : undefined }, text.replace('~', '')));
  const made = el('table', attributes, el('thead', {}, el('tr', {}, ...columns)), el('tbody', {}, ...rows));
  return el('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': label }, made);
}

const shapes = new Set(['svg', 'title', 'line', 'path', 'circle', 'text']);
const looks = new Set('viewBox width height role fill stroke font-family font-size x y x1 y1 x2 y2 cx cy r d stroke-dasharray opacity'.split(' '));

/** Makes a drawing of ours anew: shapes, their looks and words. Whatever else an SVG may hold is left out. */
export function drawing(svg: string): SVGElement {
  const root = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
  if (!(root instanceof SVGElement)) throw new Error('the drawing is no SVG');
  return copied(root);
}

function copied(from: SVGElement): SVGElement {
  const made = document.createElementNS(from.namespaceURI, from.localName) as SVGElement;
  for (const { name, value } of from.attributes) if (looks.has(name)) made.setAttribute(name, value);
  for (const child of from.childNodes) {
    if (child instanceof Text) made.append(child.data);
    else if (child instanceof SVGElement && shapes.has(child.localName)) made.append(copied(child));
  }
  return made;
}
