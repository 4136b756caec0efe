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

/** Waits for the end of a task, and puts what is heard of it meanwhile. */
export function finished(session: Session, { id }: Task, put: (task: Task) => void): Promise<Task> {
  return new Promise((resolve, reject) => {
    const take = (now: Task) => {
      if (now.id !== id) return;
      put(now);
      if (!ended.has(now.status)) return;
      stop();
      resolve(now);
    };
    const read = () => session.api.getTask({ path: { task_id: id } }).then(take, (error: unknown) => (stop(), reject(error as Error)));
    const stop = session.mine.listen((event) => {
      if (event === undefined) void read();
      else if ('task' in event) take(event.task);
    });
    void read(); // it may have ended before anybody listened
  });
}
