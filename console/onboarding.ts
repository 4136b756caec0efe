import type { Industry, Language, Onboarding } from '../sdk/typescript/src/index.js';
import { button, byId, el } from './dom.js';
import { Problems } from './problem.js';
import { taskLine } from './progress.js';
import type { Session } from './session.js';
import { type Step, steps } from './steps.js';
import { show } from './tabs.js';

/** What the steps work on. */
export interface Walk {
  session: Session;
  languages: Language[];
  industries: Industry[];
  now: Onboarding;
  /** Does a step's call within its form; what it answers is the onboarding of now, and the next step is shown. */
  go(call: () => Promise<Onboarding>, form: HTMLElement): Promise<void>;
  problems: Problems;
}

/** The panel that walks through the onboarding, a form for each step. */
export function makeOnboarding(session: Session): void {
  const problems = new Problems();
  const list = el('ol', { class: 'steps' });
  const place = el('div', { class: 'stack', id: 'step' });
  const plan = el('ul', { id: 'plan-task' });
  const bar = el('progress', { max: 1, 'aria-label': 'Onboarding' });
  const skip = button('Skip, start talking', () => show('talk'), { id: 'skip' });
  const again = button('Begin again', () => void walk?.go(() => session.api.resetOnboarding(), place), { id: 'again' });
  let walk: Walk | undefined;

  const open = async (step: Step) => {
    if (!walk) return;
    const current = walk;
    const made = await problems.attempt(() => step.make(current));
    if (!made) return;
    place.replaceChildren(made);
    for (const item of list.children) item.toggleAttribute('data-current', item.getAttribute('data-step') === step.name);
  };
  const next = () => steps.find((step) => !walk || !step.done(walk.now)) ?? steps.at(-1)!;
  const put = (now: Onboarding) => {
    if (walk) walk.now = now;
    bar.value = now.progress;
    list.replaceChildren(
      ...steps.map((step) => el('li', { 'data-step': step.name, 'data-done': step.done(now) }, button(step.title, () => void open(step)))),
    );
  };
  const follow = async (task_id: string) => {
    const task = await problems.attempt(() => session.api.getTask({ path: { task_id } }));
    if (!task) return;
    const line = taskLine(session, task);
    session.mine.listen((event) => event && 'task' in event && event.task.id === task_id && line.put(event.task));
    plan.replaceChildren(line.element);
  };
  const begin = async () => {
    const { api } = session;
    const found = await problems.attempt(() => Promise.all([api.listLanguages(), api.listIndustries(), api.getOnboarding()]));
    if (!found) return;
    const [languages, industries, now] = found;
    const go: Walk['go'] = async (call, from) => {
      const after = await problems.attempt(call, from);
      if (!after) return;
      put(after);
      if (after.task_id) await follow(after.task_id);
      else plan.replaceChildren();
      await open(next());
    };
    walk = { session, languages: languages.data, industries: industries.data, now, go, problems };
    put(now);
    if (now.task_id) void follow(now.task_id);
    await open(next());
  };

  byId('onboarding').replaceChildren(
    el('div', { class: 'card stack' }, el('div', { class: 'spread' }, el('h2', {}, 'Onboarding'), el('div', { class: 'row' }, again, skip)), bar, list, problems.element, plan, place),
  );
  void begin();
}
