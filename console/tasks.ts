import type { Task } from '../sdk/typescript/src/index.js';
import { button, byId, el } from './dom.js';
import { Problems } from './problem.js';
import { taskLine } from './progress.js';
import type { Session } from './session.js';

/** The panel of tasks: what runs in the background, live, and what can be started. */
export function makeTasks(session: Session): void {
  const { api } = session;
  const problems = new Problems();
  const list = el('ul', { id: 'task-list', class: 'stack' });
  const lines = new Map<string, ReturnType<typeof taskLine>>();
  const none = el('p', { class: 'quiet' }, 'No task yet.');

  const put = (task: Task, first: boolean) => {
    none.hidden = true;
    const known = lines.get(task.id);
    if (known) return known.put(task);
    const line = taskLine(session, task);
    lines.set(task.id, line);
    if (first) list.prepend(line.element);
    else list.append(line.element);
  };
  const read = async () => {
    const page = await problems.attempt(() => api.listTasks({ query: { limit: 20 } }));
    for (const task of page?.data ?? []) put(task, false);
  };
  const start = async (what: () => Promise<Task>) => {
    const task = await problems.attempt(what, actions);
    if (task) put(task, true);
  };
  const feedback = button('Feedback of this conversation', () => {
    const conversation_id = session.conversation.value?.id;
    if (conversation_id !== undefined) void start(() => api.createFeedback({ path: { conversation_id } }));
  }, { id: 'start-feedback', disabled: true });
  const actions = el('div', { class: 'row' }, button('Learning plan', () => void start(() => api.createLearningPlan()), { id: 'start-plan' }), feedback);

  session.mine.listen((event) => {
    if (event === undefined) void read();
    else if ('task' in event) put(event.task, true);
  });
  session.conversation.listen((conversation) => (feedback.disabled = conversation === undefined));
  void read();
  byId('tasks').replaceChildren(
    el(
      'div',
      { class: 'card stack' },
      el('h2', {}, 'Tasks'),
      el('p', { class: 'quiet' }, 'A learning plan needs a completed onboarding; feedback needs a conversation that is open here and finished.'),
      actions,
      problems.element,
      none,
      list,
    ),
  );
}
