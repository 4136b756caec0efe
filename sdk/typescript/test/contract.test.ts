import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { createFluentPro, FluentPro } from '@fluentpro/sdk';
import { url } from './setup.js';

interface Document {
  paths: Record<string, Record<string, { operationId?: string; responses?: Record<string, { content?: Record<string, object> }> }>>;
}

test('every operation of the served document is a method, and every stream is iterated', async () => {
  const document = (await (await fetch(`${url}/openapi/v2.json`)).json()) as Document;
  const api = createFluentPro({ baseUrl: url }) as unknown as Record<string, unknown>;
  const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
  assert.ok(operations.length > 50);
  const streams: string[] = [];
  for (const { operationId = '', responses = {} } of operations) {
    assert.equal(typeof api[operationId], 'function', `no method ${operationId}`);
    const media = Object.values(responses).flatMap(({ content = {} }) => Object.values(content));
    if (media.some((each) => 'x-stream' in each)) streams.push(operationId);
  }
  // They are methods of the hand-written class below FluentPro, not generated ones.
  const own = Object.getOwnPropertyNames(Object.getPrototypeOf(FluentPro.prototype));
  assert.deepEqual(streams.filter((each) => !own.includes(each)), []);
});

test('what is deprecated is marked for editors', async () => {
  const document = await (await fetch(`${url}/openapi/v2.json`)).text();
  const types = await Promise.all(['types', 'sdk'].map((name) => readFile(new URL(`../dist/gen/${name}.gen.d.ts`, import.meta.url), 'utf8')));
  assert.equal(types.join('').includes('@deprecated'), document.includes('"deprecated":true'));
});
