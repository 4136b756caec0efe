import { ProblemError } from '../sdk/typescript/src/index.js';
import { button, el } from './dom.js';

/** Shows what went wrong: the code with its page, the words, the fields at fault, and what to quote when asking for help. */
export function problem(error: unknown): HTMLElement {
  const shown = el('div', { class: 'problem', role: 'alert' });
  if (error instanceof ProblemError) {
    shown.append(
      el('a', { href: `/problems/${encodeURIComponent(error.code)}`, target: '_blank', rel: 'noopener' }, error.code),
      el('p', {}, error.detail),
      ...error.errors.map(({ pointer, detail }) => el('p', {}, el('code', {}, pointer), ` ${detail}`)),
      ...(error.requestId ? [el('small', {}, `request_id ${error.requestId}`)] : []),
    );
  } else shown.append(el('p', {}, error instanceof Error ? error.message : String(error)));
  shown.append(button('Dismiss', () => shown.remove()));
  return shown;
}

/** A place for problems, with a way to try things that may have one. The newest replaces the one before. */
export class Problems {
  readonly element = el('div', { class: 'problems' });

  show(error: unknown): void {
    this.element.replaceChildren(problem(error));
  }

  /** Does something while a form cannot be sent twice; `undefined` says that it failed. */
  async attempt<T>(what: () => Promise<T>, within?: HTMLElement): Promise<T | undefined> {
    const buttons = [...(within?.querySelectorAll<HTMLButtonElement>('button') ?? [])].filter(({ disabled }) => !disabled);
    this.element.replaceChildren();
    for (const each of buttons) each.disabled = true;
    try {
      return await what();
    } catch (error) {
      this.show(error);
      return undefined;
    } finally {
      for (const each of buttons) each.disabled = false;
    }
  }
}
