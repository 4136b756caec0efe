import type { RawFrame } from '../sdk/typescript/src/index.js';

/** One frame, event or request as it went over the wire, or a word about the connection. */
export interface Entry {
  at: number;
  direction: 'in' | 'out' | 'note';
  topic: string;
  type: string;
  cursor: string;
  text: string;
}

/** What a frame is about. */
export function entryOf({ direction, text, at }: RawFrame): Entry {
  const { id, topic = '', event, cursor = '', ...rest } = JSON.parse(text) as Record<string, unknown> & {
    id?: string; topic?: string; event?: { type: string }; cursor?: string;
  };
  const type = event?.type ?? Object.keys(rest)[0] ?? '';
  return { at, direction, topic: id === undefined ? topic : `#${id}`, type, cursor, text };
}
