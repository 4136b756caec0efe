import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

for (const name of ['readme.js', 'readme-socket.js']) {
  test(`what the README shows prints a reply: ${name}`, async () => {
    const program = fileURLToPath(new URL(name, import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    assert.match(stdout, /\w+ \w+.*[.?!]\n$/);
  });
}
