import type { Onboarding } from '../sdk/typescript/src/index.js';
import { button, choice, chosen, el, field, form, select } from './dom.js';
import type { Walk } from './onboarding.js';
import { roleStep } from './role.js';

/** One step: whether it is done, and what is shown to do it. */
export interface Step {
  name: string;
  title: string;
  done(now: Onboarding): boolean;
  make(walk: Walk): Promise<HTMLElement>;
}

export const next = () => el('button', { class: 'primary' }, 'Next');

export const steps: Step[] = [
  {
    name: 'native_language',
    title: 'Language',
    done: ({ missing }) => !missing.includes('native_language'),
    async make({ session: { api }, languages, now, go }) {
      const options = languages.filter(({ available }) => available).map(({ id, name, native_name }) => ({ id, name: `${name} · ${native_name}` }));
      const save = (from: HTMLFormElement) => go(() => api.setNativeLanguage({ body: { native_language: chosen(from, 'id')[0]! } }), from);
      return form((from) => void save(from), { class: 'stack' }, field('Native language', select('id', options, now.selections.native_language)), next());
    },
  },
  {
    name: 'industry',
    title: 'Industry',
    done: ({ missing }) => !missing.includes('industry'),
    async make({ session: { api }, industries, now, go }) {
      const save = (from: HTMLFormElement) => go(() => api.setIndustry({ body: { industry_id: chosen(from, 'id')[0]! } }), from);
      return form((from) => void save(from), { class: 'stack' }, field('Industry', select('id', industries, now.selections.industry_id)), next());
    },
  },
  roleStep,
  {
    name: 'partners',
    title: 'Partners',
    done: ({ missing }) => !missing.includes('partners'),
    async make({ session: { api, partners }, now, go }) {
      const had = new Set(now.selections.partners.map(({ partner_id }) => partner_id));
      const choices = partners.map(({ id, name }) => choice('checkbox', 'id', id, had.has(id), name));
      const save = (from: HTMLFormElement) => go(() => api.setPartners({ body: { partner_ids: chosen(from, 'id') } }), from);
      return form((from) => void save(from), { class: 'stack' }, el('fieldset', {}, el('legend', {}, 'Who you talk to at work'), ...choices), next());
    },
  },
  {
    name: 'situations',
    title: 'Situations',
    done: ({ missing }) => !missing.includes('situations') && !missing.includes('partners'),
    async make({ session: { api, partners, situations }, now, go }) {
      const selected = now.selections.partners;
      const named = new Map(partners.map(({ id, name }) => [id, name]));
      const sets = selected.map(({ partner_id, situation_ids }) =>
        el('fieldset', {}, el('legend', {}, named.get(partner_id) ?? partner_id), ...situations.map(({ id, name }) => choice('checkbox', partner_id, id, situation_ids.includes(id), name))),
      );
      const save = async (from: HTMLFormElement) => {
        let after = now;
        for (const { partner_id } of selected) after = await api.setPartnerSituations({ path: { partner_id }, body: { situation_ids: chosen(from, partner_id) } });
        return after;
      };
      return form((from) => void go(() => save(from), from), { class: 'stack' }, ...sets, next());
    },
  },
  {
    name: 'summary',
    title: 'Summary',
    done: ({ status }) => status === 'completed',
    async make({ session: { api }, now, go }) {
      const { native_language, industry, role, partners } = await api.getOnboardingSummary();
      const rows = [
        ['Native language', native_language?.name], ['Industry', industry?.name], ['Role', role?.title],
        ...partners.map(({ name, situations }) => [name, situations.map((each) => each.name).join(', ')]),
      ];
      const list = el('dl', {}, ...rows.flatMap(([term, text]) => [el('dt', {}, term ?? ''), el('dd', {}, text || '–')]));
      const complete = button('Complete', () => void go(async () => (await api.completeOnboarding()).onboarding, shown), { class: 'primary', id: 'complete', disabled: now.status === 'completed' });
      const shown = el('div', { class: 'stack' }, list, el('div', { class: 'row' }, complete));
      return shown;
    },
  },
];
