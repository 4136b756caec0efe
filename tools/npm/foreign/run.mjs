// Run proves that generators which are not ours take the documents as the service at FLUENTPRO_URL serves them: orval and
// openapi-typescript make clients of version 1 and 2, what they make passes a strict compiler, and each calls the service.
import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const url = process.env.FLUENTPRO_URL;
if (!url) throw new Error('FLUENTPRO_URL names no service');
const here = fileURLToPath(new URL('.', import.meta.url));
const out = join(here, 'out');

await rm(out, { recursive: true, force: true });
await mkdir(out);
await Promise.all(['v1', 'v2'].map(generate));
await run('tsc', '-p', '.');
const { stdout } = await promisify(execFile)(process.execPath, [join(out, 'js/call.js')]);
process.stdout.write(stdout);

async function generate(version) {
  const response = await fetch(`${url}/openapi/${version}.json`);
  const document = await response.json();
  const file = join(out, `${version}.json`);
  await writeFile(file, JSON.stringify(document));
  // The functions of orval ask for paths; fetch needs the root too.
  const output = { target: join(out, `${version}.client.ts`), client: 'fetch', baseUrl: url + document.servers[0].url };
  const config = join(out, `${version}.config.mjs`);
  await writeFile(config, `export default ${JSON.stringify({ [version]: { input: file, output } })};\n`);
  await run('orval', '--config', config);
  await run('openapi-typescript', file, '-o', join(out, `${version}.types.ts`));
}

// run shows what a tool says only when it fails.
async function run(name, ...parameters) {
  const bin = join(here, '../node_modules/.bin', name);
  await promisify(execFile)(bin, parameters, { cwd: here, maxBuffer: 1 << 26 }).catch((error) => {
    throw new Error(`${name} ${parameters.join(' ')}\n${error.stdout}${error.stderr}`);
  });
}
