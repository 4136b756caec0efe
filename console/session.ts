import { createFluentPro, type Conversation, type FluentPro, type Partner, type Situation, type User, type UserEvent } from '../sdk/typescript/src/index.js';
import type { Frames } from './frames.js';
import { Link, type LinkState } from './link.js';
import { Shared } from './shared.js';

/** Somebody who is signed in. It ends with signing out; a reload of the page forgets it. */
export class Session {
  readonly state = new Shared<LinkState>({ way: 'socket', status: 'idle', detail: '', resumes: 0 });
  readonly conversation = new Shared<Conversation | undefined>(undefined);
  /** All that concerns this user. `undefined`: something was missed, read again what is shown. */
  readonly mine = new Shared<UserEvent | undefined>(undefined);
  /** What went wrong in the background. */
  readonly failure = new Shared<unknown>(undefined);
  readonly link: Link;
  readonly api: FluentPro;
  user!: User;
  partners: Partner[] = [];
  situations: Situation[] = [];

  constructor(frames: Frames, ended: () => void) {
    this.link = new Link(
      (entry) => frames.add(entry),
      (state) => this.state.set(state),
    );
    this.api = createFluentPro({
      baseUrl: location.origin,
      fetch: this.link.network.fetch,
      onTokens: (tokens) => {
        if (!tokens) ended();
      },
    });
    this.link.use(this.api);
  }

  /** Reads what all panels need, and listens. */
  async begin(user: User): Promise<void> {
    this.user = user;
    const [partners, situations] = await Promise.all([this.api.listPartners(), this.api.listSituations()]);
    this.partners = partners.data;
    this.situations = situations.data;
    this.listen();
  }

  /** Listens to what concerns the user. */
  listen(): void {
    const take = (event: UserEvent) => this.mine.set(event.type === 'stream.restarted' ? undefined : event);
    this.link.follow('user:me', take, (error) => this.failure.set(error));
  }

  /** Ends the session here and at the service, where that can be reached. */
  async end(): Promise<void> {
    this.link.close();
    const sessions = await this.api.listSessions();
    const own = sessions.data.find(({ current }) => current);
    if (own) await this.api.revokeSession({ path: { session_id: own.id } });
  }
}
