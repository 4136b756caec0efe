import type { ProblemError } from './errors.js';

/** How a connection ended. */
export interface Ending {
  /** The close code; 1006 where none came. */
  code: number;
  reason: string;
}

/** What is done about it. */
export interface Verdict {
  /** `back`: another connection; `renew`: one with a newer token; `away`: none. */
  what: 'back' | 'renew' | 'away';
  /** Milliseconds to wait at least. */
  hint: number;
}

/** Who has sent too fast is not wanted back before, in milliseconds. */
const afterTooFast = 5_000;

/**
 * What a close code asks for. `hint` is what the service said before it closed, and `refusal` its answer to the first
 * frame: one for the moment only is no reason to stay away.
 */
export function verdict({ code }: Ending, hint: number, refusal: ProblemError | undefined): Verdict {
  if (refusal && (refusal.status === 429 || refusal.status >= 500)) {
    return { what: 'back', hint: (refusal.retryAfter ?? 1) * 1000 };
  }
  if (code === 4401 || code === 4501) return { what: 'renew', hint: 0 };
  if (code >= 4500 && code <= 4999) return { what: 'away', hint: 0 };
  return { what: 'back', hint: code === 4029 ? Math.max(hint, afterTooFast) : code === 4001 ? hint : 0 };
}

/** When the next connection is tried, in milliseconds: after the hint and, at random, up to 0.25 s that double to 10 s. */
export function delay(failures: number, hint: number): number {
  return hint + Math.random() * Math.min(10_000, 250 * 2 ** failures);
}
