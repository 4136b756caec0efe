import type { RoomEvent, RoomMember } from '../sdk/typescript/src/index.js';
import { button, byId, el, field, form, timeOf } from './dom.js';
import { Problems } from './problem.js';
import type { Session } from './session.js';

/** The panel of rooms: who is in one hears what is said in it, and who comes and goes. */
export function makeRoom(session: Session): void {
  const problems = new Problems();
  const inside = el('div', { class: 'stack' });
  const name = el('input', { name: 'room', pattern: '[a-z0-9\\-]{3,64}', required: true, value: 'practice', id: 'room-name' });
  const enter = (room: string) => {
    problems.element.replaceChildren();
    entrance.hidden = true;
    inside.replaceChildren(new Room(session, `room:${room}`, problems, () => {
      inside.replaceChildren();
      entrance.hidden = false;
      name.focus();
    }).element);
  };
  const entrance = form(() => enter(name.value), { class: 'row', id: 'enter-room' }, field('Room: 3 to 64 of a-z, 0-9 and -', name), el('button', { class: 'primary' }, 'Enter'));
  byId('room').replaceChildren(
    el('div', { class: 'card stack' }, el('h2', {}, 'Room'), el('p', { class: 'quiet' }, 'Rooms are on the WebSocket, whichever way the rest goes.'), entrance, problems.element, inside),
  );
}

class Room {
  readonly element: HTMLElement;
  readonly #members = new Map<string, RoomMember>();
  readonly #there = el('ul', { id: 'members', class: 'row', 'aria-label': 'Who is here' });
  readonly #said = el('ol', { id: 'room-log', role: 'log', 'aria-live': 'polite', 'aria-label': 'What is said', tabindex: 0 });
  readonly #text = el('input', { name: 'text', required: true, autocomplete: 'off', id: 'room-text' });

  constructor(
    private readonly session: Session,
    private readonly topic: `room:${string}`,
    private readonly problems: Problems,
    left: () => void,
  ) {
    const unfollow = session.link.follow(topic, (event) => this.#take(event), (error) => (left(), problems.show(error)), () => void this.#look());
    this.element = el(
      'div',
      { class: 'stack' },
      el('div', { class: 'spread' }, el('h3', {}, topic.slice('room:'.length)), button('Leave', () => (unfollow(), left()), { id: 'leave-room' })),
      this.#there,
      this.#said,
      form((from) => void this.#say(from), { class: 'row', id: 'room-say' }, field('Say', this.#text), el('button', { class: 'primary' }, 'Say')),
    );
  }

  /** Asks who is there; the events that follow keep it right. */
  async #look(): Promise<void> {
    const found = await this.problems.attempt(() => this.session.link.socket().presence(this.topic));
    if (!found) return;
    this.#members.clear();
    for (const member of found.members) this.#members.set(member.user_id, member);
    this.#show();
  }

  #take(event: RoomEvent): void {
    switch (event.type) {
      case 'stream.restarted':
        return void this.#look();
      case 'presence.joined':
      case 'presence.left': {
        const joined = event.type === 'presence.joined';
        if (joined) this.#members.set(event.member.user_id, event.member);
        else this.#members.delete(event.member.user_id);
        this.#show();
        return this.#tell(el('i', {}, `${event.member.name} ${joined ? 'came' : 'left'}`));
      }
      case 'room.message': {
        const { text } = event.data;
        this.#tell(el('b', {}, event.name), ' ', typeof text === 'string' ? text : JSON.stringify(event.data), ' ', el('time', { class: 'quiet' }, timeOf(event.sent_at)));
      }
    }
  }

  #tell(...what: (Node | string)[]): void {
    this.#said.append(el('li', {}, ...what));
    this.#said.scrollTop = this.#said.scrollHeight;
  }

  #show(): void {
    this.#there.replaceChildren(...[...this.#members.values()].map(({ user_id, name }) => el('li', { class: 'chip', 'data-id': user_id }, name)));
  }

  async #say(from: HTMLFormElement): Promise<void> {
    const text = this.#text.value;
    if (await this.problems.attempt(() => this.session.link.socket().publish(this.topic, { text }), from)) from.reset();
    this.#text.focus();
  }
}
