import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Frame, FrameDecoder } from '../dist/sse.js';

const cases: Record<string, [text: string, frames: Frame[], retry?: number]> = {
  'data and a cursor': ['id: 7\nevent: a\ndata: {"a":1}\n\n', [{ id: '7', data: '{"a":1}' }]],
  'every end of a line': ['data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\r', [{ id: '', data: 'a\nb\nc' }, { id: '', data: 'd' }]],
  'a byte order mark': ['\uFEFFdata: a\n\n', [{ id: '', data: 'a' }]],
  'comments, unknown fields and blocks without data, of which a cursor counts': [': hello\n\nwhat: x\n\nid: 9\n\ndata:a\n\n', [{ id: '9', data: undefined }, { id: '9', data: 'a' }]],
  'an id stays, and one with NULL is none': ['id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n', [{ id: '1', data: 'a' }, { id: '1', data: 'b' }]],
  'only the first space goes': ['data:  a\ndata\n\n', [{ id: '', data: ' a\n' }]],
  'an unfinished event is none': ['data: a\n\ndata: b\n', [{ id: '', data: 'a' }]],
  'a reconnection time of digits': ['retry: 2500\nretry: 1e3\n\n', [], 2500],
  'text of several bytes': ['data: 物流 🚢\n\n', [{ id: '', data: '物流 🚢' }]],
};

for (const [name, [text, frames, retry]] of Object.entries(cases)) {
  test(name, () => {
    const bytes = new TextEncoder().encode(text);
    for (const size of [1, 2, 3, bytes.length]) {
      const decoder = new FrameDecoder();
      const got: Frame[] = [];
      for (let at = 0; at < bytes.length; at += size) got.push(...decoder.push(bytes.subarray(at, at + size)));
      assert.deepEqual(got, frames, `in pieces of ${size}`);
      assert.equal(decoder.retry, retry);
    }
  });
}

test('a line and an event without end are refused', () => {
  const part = new TextEncoder().encode('a'.repeat(1 << 19));
  assert.throws(() => [0, 1, 2].forEach(() => line.push(part)), RangeError);
  assert.throws(() => [0, 1, 2].forEach(() => event.push(new TextEncoder().encode(`data: ${'a'.repeat(1 << 19)}\n`))), RangeError);
});
const line = new FrameDecoder();
const event = new FrameDecoder();
