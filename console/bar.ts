import { button, byId, choice, el, form } from './dom.js';
import type { LinkState, Way } from './link.js';
import { Problems } from './problem.js';
import type { Session } from './session.js';

const words: Record<LinkState['status'], string> = {
  idle: 'not connected', connecting: 'connecting', open: 'open', waiting: 'lost, resuming', closed: 'closed',
};

/** The bar that chooses the way, cuts it, and says how it is. */
export function makeBar(session: Session): void {
  const problems = new Problems();
  const status = el('strong', { id: 'status' });
  const detail = el('span', { class: 'quiet', id: 'status-detail' });
  const resumes = el('strong', { id: 'resumes' });
  const ways = form(
    () => {},
    { class: 'row', change: (event: Event) => session.link.change((event.target as HTMLInputElement).value as Way) },
    choice('radio', 'way', 'socket', true, 'WebSocket'),
    choice('radio', 'way', 'stream', false, 'SSE'),
  );
  ways.setAttribute('aria-label', 'Way of the events');
  const show = (state: LinkState) => {
    status.textContent = words[state.status];
    status.dataset['status'] = state.status;
    detail.textContent = state.detail;
    resumes.textContent = String(state.resumes);
  };
  byId('bar').replaceChildren(
    ways,
    button('Cut the connection', () => session.link.cut(), { id: 'cut' }),
    el('p', { role: 'status' }, status, ' ', detail),
    el('p', {}, 'Resumed ', resumes, ' times'),
    problems.element,
  );
  show(session.state.value);
  session.state.listen(show);
  session.failure.listen((error) => {
    problems.show(error);
    problems.element.append(button('Connect again', () => (problems.element.replaceChildren(), session.listen())));
  });
}
