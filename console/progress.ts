import type { Task } from '../sdk/typescript/src/index.js';
import { button, el } from './dom.js';
import { problem } from './problem.js';
import type { Session } from './session.js';

const ended = new Set(['completed', 'failed', 'cancelled']);

/** One task with its progress, live for as long as the session hears of it. */
export function taskLine(session: Session, task: Task): { element: HTMLElement; put(task: Task): void } {
  const bar = el('progress', { max: 100, 'aria-label': task.kind });
  const status = el('span', { class: 'quiet' });
  const problems = el('div');
  const cancel = button('Cancel', () => void stop());
  const element = el('li', { class: 'task', 'data-id': task.id, 'data-kind': task.kind }, el('div', { class: 'spread' }, el('b', {}, task.kind), status, cancel), bar, problems);
  const put = (now: Task) => {
    const { done, total, percent, eta_seconds } = now.progress;
    const over = ended.has(now.status);
    if (over) bar.value = now.status === 'completed' ? 100 : (percent ?? 0);
    else if (percent === null) bar.removeAttribute('value');
    else bar.value = percent;
    const words = [now.status, ...(total === null ? [] : [`${done} of ${total}`]), ...(eta_seconds === null || over ? [] : [`${Math.ceil(eta_seconds)} s left`])];
    status.textContent = words.join(' · ');
    if (now.problem) status.textContent += ` · ${now.problem.code}: ${now.problem.detail}`;
    cancel.hidden = over;
    element.dataset['status'] = now.status;
  };
  const stop = async () => {
    try {
      put(await session.api.cancelTask({ path: { task_id: task.id } }));
    } catch (error) {
      problems.replaceChildren(problem(error));
    }
  };
  put(task);
  return { element, put };
}
