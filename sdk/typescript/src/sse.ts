/** One event of an event stream, not yet interpreted. */
export interface Frame {
  /** The cursor as last seen in the stream; '' if there was none. */
  id: string;
  /** Undefined where a cursor came without an event. */
  data: string | undefined;
}

/** Bounds a line, and the data of an event, in UTF-16 units. */
const longest = 1 << 20;

/**
 * Decodes an event stream as section 9.2.6 of the HTML standard has it: lines end in CR, LF or both, comments and
 * unknown fields are ignored, data lines are joined by newlines, an id stays until another comes.
 */
export class FrameDecoder {
  /** The reconnection time that the stream last gave, in milliseconds. */
  retry: number | undefined;
  readonly #text = new TextDecoder();
  #rest = '';
  #afterCR = false;
  #data: string[] = [];
  #length = 0;
  #id = '';
  #named = false; // this block has an id

  /** Takes more bytes and gives the events that they complete. Throws RangeError on what is too long. */
  push(bytes: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let text = this.#text.decode(bytes, { stream: true });
    const halfEnd = this.#afterCR && text.startsWith('\n'); // its CR has ended the line already
    if (text !== '') this.#afterCR = text.endsWith('\r');
    if (halfEnd) text = text.slice(1);
    const lines = (this.#rest + text).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line !== '') this.#field(line);
      else {
        if (this.#data.length > 0) frames.push(this.#dispatch());
        else if (this.#named) frames.push({ id: this.#id, data: undefined });
        this.#named = false;
      }
    }
    this.#check(this.#rest.length);
    return frames;
  }

  #dispatch(): Frame {
    const frame = { id: this.#id, data: this.#data.join('\n') };
    this.#data = [];
    this.#length = 0;
    return frame;
  }

  #field(line: string): void {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon); // a comment has the empty name
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') {
      this.#length += value.length + 1;
      this.#check(this.#length);
      this.#data.push(value);
    } else if (name === 'id' && !value.includes('\0')) {
      this.#id = value;
      this.#named = true;
    } else if (name === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
  }

  #check(length: number): void {
    if (length > longest) throw new RangeError('an event is too large');
  }
}
