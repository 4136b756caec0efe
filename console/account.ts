import { button, byId, el, field, form } from './dom.js';
import type { Frames } from './frames.js';
import { Problems } from './problem.js';
import { Session } from './session.js';

/** Shows the forms of who is not signed in; `enter` is called with the session of who then is. */
export function makeAccount(frames: Frames, enter: (session: Session, isNew: boolean) => void, left: () => void): void {
  const problems = new Problems();
  const leave = () => {
    byId('who').replaceChildren();
    byId('account').hidden = false;
    left();
  };
  const begin = async (sign: (session: Session) => Promise<{ user: Session['user'] }>, isNew: boolean, from: HTMLElement) => {
    const session = new Session(frames, leave);
    await problems.attempt(async () => {
      const { user } = await sign(session);
      await session.begin(user);
      byId('account').hidden = true;
      byId('who').replaceChildren(el('span', {}, user.full_name), button('Log out', () => void logOut(session, leave), { id: 'log-out' }));
      enter(session, isNew);
    }, from);
  };
  const signUp = form(
    (from) => void begin((session) => session.api.signUp({ body: values(from, 'full_name', 'email', 'password') }), true, from),
    { id: 'sign-up', 'aria-label': 'Sign up' },
    el('h2', {}, 'Sign up'),
    field('Full name', el('input', { name: 'full_name', autocomplete: 'name', required: true })),
    field('Email', el('input', { name: 'email', type: 'email', autocomplete: 'email', required: true })),
    field('Password', el('input', { name: 'password', type: 'password', autocomplete: 'new-password', required: true }), 'At least 8 characters that are hard to guess.'),
    el('button', { class: 'primary' }, 'Sign up'),
  );
  const logIn = form(
    (from) => void begin((session) => session.api.logIn({ body: { ...values(from, 'email', 'password'), device_name: 'Console' } }), false, from),
    { id: 'log-in', 'aria-label': 'Log in' },
    el('h2', {}, 'Log in'),
    field('Email', el('input', { name: 'email', type: 'email', autocomplete: 'email', required: true })),
    field('Password', el('input', { name: 'password', type: 'password', autocomplete: 'current-password', required: true })),
    el('button', {}, 'Log in'),
  );
  byId('account').replaceChildren(
    el('p', { class: 'quiet' }, 'Tokens live in the memory of this page alone: a reload signs you out.'),
    problems.element,
    el('div', { class: 'halves' }, signUp, logIn),
  );
}

/** Signs out here whatever the service says: without its answer, the session ends with its tokens. */
async function logOut(session: Session, leave: () => void): Promise<void> {
  try {
    await session.end();
  } catch {
    // The page forgets the tokens all the same.
  }
  await session.api.setTokens(undefined);
  leave();
}

function values<K extends string>(from: HTMLFormElement, ...names: K[]): Record<K, string> {
  const data = new FormData(from);
  return Object.fromEntries(names.map((name) => [name, String(data.get(name) ?? '')])) as Record<K, string>;
}
