// Live runs a command against a service of its own: it builds fluentpro, starts `fluentpro dev` on a free port with
// data of its own, gives its root to the command as FLUENTPRO_URL, and stops it when the command has ended, whose exit
// code it takes over. Where FLUENTPRO_URL is set already, that service is used and nothing is started.
//
//	node test/sdk/live.mjs node --test ...
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const soon = 60_000; // for what takes a second or two on a machine at rest

// What a signal ends: the rest then ends by itself.
let current;
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => current?.kill(signal));

const [command, ...parameters] = process.argv.slice(2);
if (process.env.FLUENTPRO_URL) {
  process.exitCode = await run(command, parameters, process.env);
} else {
  const folder = await mkdtemp(join(tmpdir(), 'fluentpro-sdk-'));
  await chmod(folder, 0o755); // PostgreSQL may run as another user
  try {
    process.exitCode = await withService(folder, (url) => run(command, parameters, { ...process.env, FLUENTPRO_URL: url }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(program, parameters, env, cwd) {
  current = spawn(program, parameters, { stdio: 'inherit', env, cwd });
  const [code] = await once(current, 'exit');
  return code ?? 1;
}

async function withService(folder, use) {
  const binary = join(folder, 'fluentpro');
  if ((await run('go', ['build', '-o', binary, './cmd/fluentpro'], process.env, root)) !== 0) return 1;
  const service = spawn(binary, ['dev'], { env: settings(folder), stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(service, 'exit');
  current = service;
  let said = '';
  for (const pipe of [service.stdout, service.stderr]) pipe.setEncoding('utf8').on('data', (text) => (said += text));
  try {
    const url = await ready(service, () => said);
    const code = await use(url);
    if (code !== 0) console.error(complaints(said));
    return code;
  } finally {
    service.kill('SIGINT');
    await Promise.race([ended, after(soon, undefined, { ref: false }).then(() => service.kill('SIGKILL'))]);
  }
}

// settings are this process's without what a developer has set for theirs. The tests are one address in a hurry.
function settings(folder) {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('FLUENTPRO_'));
  const rates = ['AUTH', 'API', 'MATCHING', 'MESSAGES', 'ADMIN'].map((limit) => [`FLUENTPRO_RATE_${limit}`, '0']);
  const more = { FLUENTPRO_TOKENS_LEARNER_DAY: '0', FLUENTPRO_DATA_DIR: join(folder, 'data'), FLUENTPRO_HTTP_ADDR: '127.0.0.1:0' };
  return { ...Object.fromEntries([...own, ...rates]), ...more };
}

// ready waits until the service has told its address and is willing to answer.
async function ready(service, said) {
  for (const deadline = Date.now() + soon; Date.now() < deadline; await after(50)) {
    if (service.exitCode !== null || service.signalCode !== null) break;
    const url = /API +(http:\/\/[^/]+)\//.exec(said())?.[1];
    if (url && (await fetch(`${url}/readyz`).catch(() => undefined))?.ok) return url;
  }
  throw new Error(`the service did not become ready:\n${said()}`);
}

// complaints are the lines of the service's log that are worse than usual.
function complaints(said) {
  return said.split('\n').filter((line) => line.includes('"level":"ERROR"')).join('\n');
}
