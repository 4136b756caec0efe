import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

test('the example of the README prints a reply', async () => {
  const program = fileURLToPath(new URL('readme.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  assert.match(stdout, /\w+ \w+.*[.?!]\n$/);
});
