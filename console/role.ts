import type { RoleMatches } from '../sdk/typescript/src/index.js';
import { choice, chosen, el, field, form } from './dom.js';
import type { Walk } from './onboarding.js';
import type { Step } from './steps.js';

/** The value of the choice that keeps the learner's own words. */
const own = 'own';

/** The step that finds the role: the words of the learner, then what they match, or the words themselves. */
export const roleStep: Step = {
  name: 'role',
  title: 'Role',
  done: ({ missing }) => !missing.includes('role'),
  async make(walk) {
    const { session: { api }, now: { selections }, problems } = walk;
    const title = el('input', { name: 'title', required: true, value: selections.role_input?.title ?? '' });
    const description = el('textarea', { name: 'description', rows: 3, required: true }, selections.role_input?.description ?? '');
    const place = el('div', { class: 'stack' });
    const match = async (from: HTMLFormElement) => {
      const words = { title: title.value, description: description.value };
      const found = await problems.attempt(() => api.matchRoles({ body: words }), from);
      if (found) place.replaceChildren(matches(walk, found, words));
    };
    return el(
      'div',
      { class: 'stack' },
      ...(selections.role ? [el('p', { class: 'quiet' }, `Chosen: ${selections.role.title}`)] : []),
      form(
        (from) => void match(from),
        { class: 'stack', id: 'describe' },
        field('Job title', title),
        field('What you do', description),
        el('button', { class: 'primary' }, 'Find my role'),
      ),
      place,
    );
  },
};

function matches({ session: { api }, go }: Walk, { matches: found, recommended_action, degraded }: RoleMatches, words: { title: string; description: string }): HTMLElement {
  const choices = found.map(({ role, score, reasons }, i) =>
    choice('radio', 'role', role.id, i === 0, el('b', {}, role.title), ` ${Math.round(score * 100)} % `, el('small', {}, reasons.join(' · '))),
  );
  const keep = choice('radio', 'role', own, found.length === 0, el('b', {}, `Keep “${words.title}”`), el('small', {}, ' as a role of your own'));
  const save = (from: HTMLFormElement) => {
    const role_id = chosen(from, 'role')[0]!;
    return go(() => api.setRole({ body: role_id === own ? { custom: words } : { role_id } }), from);
  };
  return form(
    (from) => void save(from),
    { class: 'stack', id: 'matches' },
    el('p', { class: 'quiet' }, `${recommended_action.replaceAll('_', ' ')}${degraded ? '; found by words alone, since the model is away' : ''}`),
    el('fieldset', { class: 'long' }, el('legend', {}, 'Roles'), ...choices, keep),
    el('button', { class: 'primary' }, 'Next'),
  );
}
