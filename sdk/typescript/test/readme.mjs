// Writes the first example of the README to test/readme.ts, so that it is compiled and run as it stands there.
import { readFile, writeFile } from 'node:fs/promises';

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const example = /```ts\n(.*?)```/s.exec(readme)?.[1];
if (!example) throw new Error('the README has no example');
await writeFile(new URL('readme.ts', import.meta.url), example);
