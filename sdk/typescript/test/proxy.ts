import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';

/** What becomes of a stream once so many events of a kind have gone through; of none, before its answer begins. */
export interface Fault {
  event: 'message.delta' | 'message.created' | 'conversation.created';
  after: number;
  how: 'cut' | 'stall';
}

/** A way to the service that breaks on purpose. */
export class FaultProxy {
  /** To be had by the next streams, one each; a stream without one goes through. */
  readonly faults: Fault[] = [];
  /** Requests that went through, such as `POST /api/v2/users`. */
  readonly requests: string[] = [];
  /** Connections that are open and have been used. Clients keep others in reserve. */
  readonly #busy = new Set<Socket>();
  readonly #all: Socket[] = [];
  readonly #server = createServer((client) => this.#pass(client));
  #changed: () => void = () => {};

  private constructor(private readonly target: URL) {}

  static async to(url: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(url));
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts the next connections when the service answers, so that the client hears nothing. */
  loseAnswers(count: number): void {
    this.#lost = count;
  }
  #lost = 0;

  /** Waits until a stream has begun to be answered. */
  async streaming(): Promise<void> {
    while (this.#streams === 0) await new Promise<void>((resolve) => (this.#changed = resolve));
  }
  #streams = 0;

  /** Waits until each connection that was used is closed. */
  async unused(): Promise<void> {
    while (this.#busy.size > 0) await new Promise<void>((resolve) => (this.#changed = resolve));
  }

  close(): void {
    for (const socket of this.#all) socket.destroy();
    this.#server.close();
  }

  #pass(client: Socket): void {
    const service = dial(Number(this.target.port), this.target.hostname);
    const end = () => {
      this.#busy.delete(client);
      client.destroy();
      service.destroy();
      this.#changed();
    };
    for (const socket of [client, service]) socket.on('error', end).on('close', end);
    this.#all.push(client);
    client.on('data', (bytes) => {
      this.#busy.add(client);
      const line = /^([A-Z]+ \S+) HTTP\/1\.1/.exec(bytes.toString('latin1'))?.[1];
      if (line) this.requests.push(line);
      service.write(bytes);
    });
    service.on('data', this.#answer(client, end));
  }

  /** Hands the answers of a connection on, those of a stream with a fault up to it. */
  #answer(client: Socket, end: () => void): (bytes: Buffer) => void {
    let fault: Fault | undefined;
    let missing = 0; // events until it happens
    return (bytes) => {
      if (this.#lost > 0) return void (this.#lost--, end());
      const text = bytes.toString('latin1');
      if (text.startsWith('HTTP/1.1') && text.includes('text/event-stream')) {
        fault = this.faults.shift();
        missing = fault?.after ?? 0;
        this.#streams++;
        this.#changed();
      }
      if (!fault) return client.write(bytes);
      if (missing < 0) return; // it has happened
      const mark = `event: ${fault.event}\n`;
      const events = text.split(mark).length - 1;
      if (events < missing) {
        missing -= events;
        return client.write(bytes);
      }
      const through = endOf(text, mark, missing);
      missing = -1;
      client.write(bytes.subarray(0, through), () => fault?.how === 'cut' && end());
    };
  }
}

/** Where the n-th event of a kind ends in a text. */
function endOf(text: string, mark: string, n: number): number {
  let at = 0;
  for (let i = 0; i < n; i++) at = text.indexOf('\n\n', text.indexOf(mark, at)) + 2;
  return at;
}
