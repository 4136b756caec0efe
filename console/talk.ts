import type { Conversation, ConversationEvent } from '../sdk/typescript/src/index.js';
import { choose } from './choose.js';
import { button, byId, el, field, form } from './dom.js';
import { Problems } from './problem.js';
import type { Session } from './session.js';
import { Transcript } from './transcript.js';

/** The panel that talks: choosing a conversation, hearing it, saying something, stopping and repeating replies. */
export function makeTalk(session: Session): void {
  const talk = new Talk(session);
  byId('talk').replaceChildren(choose(session), talk.element);
}

class Talk {
  readonly element = el('div', { class: 'card stack', id: 'conversation', hidden: true });
  readonly #transcript = new Transcript();
  readonly #problems = new Problems();
  readonly #title = el('h2');
  readonly #about = el('p', { class: 'quiet', id: 'about' });
  readonly #say = el('textarea', { name: 'content', rows: 2, required: true, id: 'say', keydown: (event) => this.#key(event as KeyboardEvent) });
  readonly #cancel = button('Cancel the reply', () => void this.#stop(), { id: 'cancel' });
  readonly #retry = button('Retry', () => void this.#again(), { id: 'retry' });
  readonly #finish = button('Finish', () => void this.#end(), { id: 'finish' });
  #leave: () => void = () => {};
  #held: ConversationEvent[] | undefined; // what came while the messages are read

  constructor(private readonly session: Session) {
    this.element.append(
      el('div', { class: 'spread' }, el('div', {}, this.#title, this.#about), this.#finish),
      this.#transcript.element,
      this.#problems.element,
      form(
        (from) => void this.#send(from),
        { class: 'stack', id: 'composer' },
        field('Say', this.#say, 'Enter sends, Shift+Enter begins a line, Escape cancels the reply.'),
        el('div', { class: 'row' }, el('button', { class: 'primary' }, 'Send'), this.#cancel, this.#retry),
      ),
    );
    session.mine.listen((event) => {
      if (event && 'conversation' in event && event.conversation.id === this.#id) session.conversation.set(event.conversation);
    });
    session.conversation.listen((conversation) => {
      if (conversation?.id !== this.element.dataset['id']) this.#open(conversation);
      else if (conversation) this.#head(conversation);
    });
  }

  get #id(): string {
    return this.element.dataset['id'] ?? '';
  }

  /** Follows first and reads then: what happens in between is held, and is shown after what was read. */
  #open(conversation: Conversation | undefined): void {
    this.#leave();
    this.element.hidden = conversation === undefined;
    this.element.dataset['id'] = conversation?.id ?? '';
    if (!conversation) return;
    this.#transcript.reset([]);
    this.#head(conversation);
    this.#leave = this.session.link.follow(
      `conversation:${conversation.id}`,
      (event) => this.#take(event),
      (error) => this.#problems.show(error),
    );
    void this.#read(conversation.id);
    this.#say.focus();
  }

  async #read(conversation_id: string): Promise<void> {
    this.#held = [];
    const page = await this.#problems.attempt(() => this.session.api.listMessages({ path: { conversation_id }, query: { order: 'desc', limit: 100 } }));
    if (conversation_id !== this.#id) return; // another was opened meanwhile
    this.#transcript.reset(page?.data.reverse() ?? []);
    const held = this.#held;
    this.#held = undefined;
    for (const event of held) this.#take(event);
    this.#buttons();
  }

  #take(event: ConversationEvent): void {
    if ('conversation' in event) this.session.conversation.set(event.conversation);
    if (event.type === 'conversation.deleted') this.session.conversation.set(undefined);
    if (event.type === 'conversation.rolled_back') return void this.#read(this.#id);
    if (this.#held) this.#held.push(event);
    else this.#transcript.take(event);
    this.#buttons();
  }

  #head({ title, partner_id, situation_id, status, version, tokens_used, token_limit }: Conversation): void {
    this.#title.textContent = title;
    const tokens = `${tokens_used}${token_limit === null ? '' : ` of ${token_limit}`} tokens`;
    this.#about.textContent = [partner_id, situation_id, status, `version ${version}`, tokens].join(' · ');
    this.element.dataset['status'] = status;
    this.#buttons();
  }

  #buttons(): void {
    const active = this.element.dataset['status'] === 'active';
    this.#cancel.disabled = this.#transcript.flying === undefined;
    this.#retry.disabled = !active || this.#transcript.retryable === undefined;
    this.#finish.disabled = !active;
  }

  #key(event: KeyboardEvent): void {
    if (event.key === 'Escape') void this.#stop();
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#say.form?.requestSubmit();
  }

  async #send(from: HTMLFormElement): Promise<void> {
    const content = this.#say.value;
    const { api, link } = this.session;
    const conversation_id = this.#id;
    from.reset();
    const sent = await this.#problems.attempt(
      () => (link.way === 'socket' ? link.socket().sendMessage({ conversation_id, content }) : api.createMessage({ path: { conversation_id }, body: { content } })),
      from,
    );
    if (!sent && this.#say.value === '') this.#say.value = content; // to be said again
    this.#buttons();
  }

  async #stop(): Promise<void> {
    const message_id = this.#transcript.flying;
    if (message_id === undefined) return;
    const { api, link } = this.session;
    const conversation_id = this.#id;
    await this.#problems.attempt(() =>
      link.way === 'socket' ? link.socket().cancelMessage({ conversation_id, message_id }) : api.cancelMessage({ path: { conversation_id, message_id } }),
    );
  }

  async #again(): Promise<void> {
    const message_id = this.#transcript.retryable;
    if (message_id !== undefined) await this.#problems.attempt(() => this.session.api.retryMessage({ path: { conversation_id: this.#id, message_id } }));
  }

  async #end(): Promise<void> {
    const body = { status: 'completed' } as const;
    await this.#problems.attempt(() => this.session.api.updateConversation({ path: { conversation_id: this.#id }, body }));
  }
}
