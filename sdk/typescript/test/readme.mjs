// Writes the programs of the README to test/readme.ts and test/readme-socket.ts, so that they are compiled and run as they
// stand there.
import { readFile, writeFile } from 'node:fs/promises';

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
const programs = [...readme.matchAll(/```ts\n(import .*?)```/gs)].map((match) => match[1]);
const names = ['readme.ts', 'readme-socket.ts'];
if (programs.length !== names.length) throw new Error(`the README has ${programs.length} programs`);
for (const [i, name] of names.entries()) await writeFile(new URL(name, import.meta.url), programs[i]);
