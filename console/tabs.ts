import { button, byId } from './dom.js';

const panels = { onboarding: 'Onboarding', talk: 'Talk', versions: 'Versions', tasks: 'Tasks', room: 'Room', inspect: 'Inspect' } as const;
export type Panel = keyof typeof panels;

const all = Object.keys(panels) as Panel[];
let names = all;

/** Makes the tabs, but those that are left out. The arrow keys go from one to the next (WAI-ARIA, tabs). */
export function makeTabs(...without: Panel[]): void {
  names = all.filter((name) => !without.includes(name));
  byId('tabs').replaceChildren(...names.map((name) => button(panels[name], () => show(name), { role: 'tab', id: `tab-${name}`, 'aria-controls': name })));
  for (const name of names) byId(name).setAttribute('aria-labelledby', `tab-${name}`);
  byId('tabs').onkeydown = (event) => {
    const at = names.findIndex((name) => byId(`tab-${name}`) === document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (at < 0 || step === undefined) return;
    const next = names[(at + step + names.length) % names.length]!;
    show(next);
    byId(`tab-${next}`).focus();
  };
}

/** Shows one panel and hides the others. */
export function show(panel: Panel): void {
  for (const name of all) byId(name).hidden = name !== panel;
  for (const name of names) {
    byId(`tab-${name}`).setAttribute('aria-selected', String(name === panel));
    byId(`tab-${name}`).tabIndex = name === panel ? 0 : -1;
  }
  byId(panel).dispatchEvent(new Event('shown'));
}
