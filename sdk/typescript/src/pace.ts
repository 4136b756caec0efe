/** A connection may send 20 commands a second. Ours are further apart, since a network can push them together. */
const burst = 10;
const interval = 60; // milliseconds

/** Says when a connection's next command may be sent: some at once, then one an interval. */
export class Pace {
  #at = 0; // when all that was sent is paid for

  /** Milliseconds to wait. At 0 the command is taken as sent. */
  next(now: number): number {
    const at = Math.max(this.#at, now);
    const wait = at - now - (burst - 1) * interval;
    if (wait > 0) return wait;
    this.#at = at + interval;
    return 0;
  }
}
