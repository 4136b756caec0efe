import type { EventOf, FluentPro, Realtime, RealtimeState, Topic } from '../sdk/typescript/src/index.js';
import { type Entry, entryOf } from './entry.js';
import { type Follower, isRoom, overSocket, overStream } from './follower.js';
import { Network, type StreamChange } from './network.js';

export type Way = 'socket' | 'stream';

/** How the connection is, for people. */
export interface LinkState {
  way: Way;
  status: 'idle' | 'connecting' | 'open' | 'waiting' | 'closed';
  detail: string;
  resumes: number;
}

/**
 * What moves, over one WebSocket or over a stream for each topic. The ways can be changed at any time: they share their
 * cursors, so that what follows goes on behind what came last. Rooms are only on the WebSocket.
 */
export class Link {
  readonly network: Network;
  #api!: FluentPro;
  #realtime: Realtime | undefined;
  #followers = new Set<Follower>();
  #open = 0; // streams
  #lost = false; // the socket, before it came back
  #state: LinkState = { way: 'socket', status: 'idle', detail: '', resumes: 0 };

  constructor(
    private readonly log: (entry: Entry) => void,
    private readonly show: (state: LinkState) => void,
  ) {
    this.network = new Network(log, (change) => this.#streamed(change));
  }

  /** The client that uses this link's network. */
  use(api: FluentPro): void {
    this.#api = api;
  }

  get way(): Way {
    return this.#state.way;
  }

  /** The one WebSocket; it is opened when first asked for. */
  socket(): Realtime {
    if (this.#realtime?.state.status === 'closed') this.#realtime = undefined; // by the service, for good
    this.#realtime ??= this.#api.realtime({
      onFrame: (frame) => this.log(entryOf(frame)),
      onState: (state) => this.#socketed(state),
      delay: (failures, hint) => hint + Math.min(10_000, 1000 * 2 ** failures), // long enough to be seen
    });
    return this.#realtime;
  }

  /** Hears of a topic until the function that it gives is called. `began` is called once a WebSocket has it. */
  follow<T extends Topic>(topic: T, take: (event: EventOf<T>) => void, failed: (error: unknown) => void, began = () => {}): () => void {
    const follower: Follower = {
      topic, failed, began, cursor: undefined, position: () => undefined, stop: new AbortController(),
      take: take as Follower['take'],
    };
    this.#followers.add(follower);
    void this.#run(follower);
    return () => {
      this.#followers.delete(follower);
      follower.stop.abort();
      this.#settle();
    };
  }

  /** Goes on the other way, behind the same cursors. */
  change(way: Way): void {
    const moving = [...this.#followers].filter((each) => !isRoom(each));
    for (const each of moving) {
      each.cursor = each.position();
      each.stop.abort();
    }
    this.#tell({ way, status: 'connecting', detail: '' });
    this.#settle();
    for (const each of moving) void this.#run(each);
  }

  cut(): void {
    this.log({ at: Date.now(), direction: 'note', topic: 'connection', type: 'cut by hand', cursor: '', text: '' });
    if (this.way === 'socket') this.#realtime?.cut();
    else this.network.cut();
  }

  /** Ends all. */
  close(): void {
    for (const each of this.#followers) each.stop.abort();
    this.#followers.clear();
    this.#realtime?.close();
  }

  async #run(follower: Follower): Promise<void> {
    const { signal } = (follower.stop = new AbortController());
    try {
      if (this.way === 'socket' || isRoom(follower)) await overSocket(follower, this.socket(), signal, () => this.#resumed());
      else await overStream(follower, this.#api, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#followers.delete(follower);
      follower.failed(error);
    }
  }

  #socketed(state: RealtimeState): void {
    const lost = state.status === 'waiting' || state.status === 'closed';
    const detail = lost ? `${state.code} ${state.reason}` : '';
    this.log({ at: Date.now(), direction: 'note', topic: 'connection', type: state.status, cursor: '', text: detail });
    if (state.status === 'open' && this.#lost) this.#resumed();
    this.#lost = state.status === 'waiting' || (this.#lost && state.status === 'connecting');
    if (this.way === 'socket') this.#tell({ status: state.status, detail });
  }

  #streamed({ path, open, resumed }: StreamChange): void {
    this.#open += open ? 1 : -1;
    if (open && resumed && path.startsWith('/conversations/')) this.#resumed();
    const wanted = [...this.#followers].filter((each) => !isRoom(each)).length;
    if (this.way === 'stream') this.#tell({ status: this.#open >= wanted ? 'open' : open ? 'connecting' : 'waiting', detail: `${this.#open} of ${wanted} streams` });
  }

  #resumed(): void {
    this.#tell({ resumes: this.#state.resumes + 1 });
  }

  #tell(change: Partial<LinkState>): void {
    this.#state = { ...this.#state, ...change };
    this.show(this.#state);
  }

  /** A socket that nobody needs is closed. */
  #settle(): void {
    if (this.way === 'socket' || [...this.#followers].some(isRoom)) return;
    this.#realtime?.close();
    this.#realtime = undefined;
  }
}
