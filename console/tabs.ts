import { button, byId } from './dom.js';

const panels = { onboarding: 'Onboarding', talk: 'Talk', versions: 'Versions', tasks: 'Tasks', room: 'Room' } as const;
export type Panel = keyof typeof panels;

const names = Object.keys(panels) as Panel[];

/** Makes the tabs. The arrow keys go from one to the next (WAI-ARIA, tabs). */
export function makeTabs(): void {
  byId('tabs').replaceChildren(...names.map((name) => button(panels[name], () => show(name), { role: 'tab', id: `tab-${name}`, 'aria-controls': name })));
  for (const name of names) byId(name).setAttribute('aria-labelledby', `tab-${name}`);
  byId('tabs').addEventListener('keydown', (event) => {
    const at = names.findIndex((name) => byId(`tab-${name}`) === document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (at < 0 || step === undefined) return;
    const next = names[(at + step + names.length) % names.length]!;
    show(next);
    byId(`tab-${next}`).focus();
  });
}

/** Shows one panel and hides the others. */
export function show(panel: Panel): void {
  for (const name of names) {
    byId(name).hidden = name !== panel;
    byId(`tab-${name}`).setAttribute('aria-selected', String(name === panel));
    byId(`tab-${name}`).tabIndex = name === panel ? 0 : -1;
  }
  byId(panel).dispatchEvent(new Event('shown'));
}
