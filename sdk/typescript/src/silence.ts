/**
 * Watches that a connection is heard. A browser shows no pings, so that a quiet connection is asked something now and
 * then; one that is quiet even so is lost.
 */
export class Silence {
  #heard = Date.now();
  #asked = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `every`: milliseconds of silence before `ask`; after more than twice as many comes `lost`. */
  constructor(
    private readonly every: number,
    private readonly on: { ask(): void; lost(): void },
  ) {
    this.#watch(every);
  }

  heard(): void {
    this.#heard = Date.now();
    this.#asked = false;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #watch(wait: number): void {
    this.#timer = setTimeout(() => {
      const quiet = Date.now() - this.#heard;
      if (quiet > 2 * this.every) return this.on.lost();
      if (quiet >= this.every && !this.#asked) {
        this.#asked = true;
        this.on.ask();
      }
      this.#watch(Math.max(1, (this.#asked ? 2 * this.every + 1 : this.every) - quiet));
    }, wait);
  }
}
