// Broken proves that the linter finds what its rules are for: it breaks them all in a copy of the contracts, each in its
// way, and expects each to be found. A linter that cannot fail is no test.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const contracts = fileURLToPath(new URL('../../../openapi', import.meta.url));
const redocly = fileURLToPath(new URL('../node_modules/.bin/redocly', import.meta.url));

// Each is a rule, a file, a text that is in it, and what takes its place.
const breaks = {
  v1: [
    ['rule/operation-id', 'openapi.yaml', /(operationId: \w+)V1/, '$1'],
    ['rule/v1-is-deprecated', 'openapi.yaml', /\n +deprecated: true/, ''],
    ['rule/deprecated-operations-say-more', 'openapi.yaml', /\n +x-successor: \w+(?![^]*x-successor)/, ''], // the last
  ],
  v2: [
    ['rule/operation-id', 'paths/sessions.yaml', 'operationId: logIn', 'operationId: signin'],
    ['rule/one-tag', 'paths/sessions.yaml', 'tags: [sessions]', 'tags: [sessions, users]'],
    ['rule/segments', 'openapi.yaml', '/learning-plan:', '/learning-plan/:'],
    ['rule/property-names', 'schemas/sessions.yaml', ' device_name: {', ' deviceName: {'],
    ['rule/parameter-names', 'schemas/parameters.yaml', 'name: limit', 'name: pageSize'],
    ['rule/parameters-are-bounded', 'schemas/parameters.yaml', '{type: string, maxLength: 1024}', '{type: string}'],
    ['fluentpro/requests-are-bounded', 'schemas/messages.yaml', 'maxLength: 8000, ', ''],
    ['fluentpro/requests-are-bounded', 'schemas/onboarding.yaml', 'partner_ids: {type: array, maxItems: 100,', 'partner_ids: {type: array,'],
    ['rule/requests-are-closed', 'schemas/messages.yaml', 'additionalProperties: false', 'additionalProperties: true'],
    ['rule/request-forms', 'paths/users.yaml', 'application/merge-patch+json:', 'application/xml:'],
    ['rule/errors-have-a-form', 'paths/sessions.yaml', /\n +default: .+/, ''],
    ['rule/errors-are-problems', 'schemas/problems.yaml', 'application/problem+json:', 'application/json:'],
    ['rule/streams-are-marked', 'paths/tasks.yaml', /\n +x-stream: true/, ''],
    ['rule/deprecated-operations-say-more', 'paths/tasks.yaml', 'summary: Stop a task', '$&\n    deprecated: true'],
    ['rule/deprecated-parameters-say-more', 'schemas/parameters.yaml', 'name: cursor', '$&\n  deprecated: true'],
    ['rule/deprecated-fields-say-more', 'schemas/sessions.yaml', 'device: {type: string', '$&, deprecated: true'],
    ['rule/sunset-is-of-the-deprecated', 'paths/tasks.yaml', 'summary: Read one task', '$&\n    x-sunset: 2027-01-01'],
    ['no-invalid-media-type-examples', 'paths/messages.yaml', 'seq: 2', 'seq: two'],
    ['parameter-description', 'schemas/parameters.yaml', /\n +description: The task;.+/, ''],
    ['operation-tag-defined', 'paths/catalogue.yaml', 'tags: [catalogue]', 'tags: [catalog]'],
  ],
  realtime: [
    ['struct', 'realtime.yaml', 'action: receive', 'action: take'],
  ],
};

// Where the files of an API are, below openapi/: those of a version are in a folder of its name.
const folders = { realtime: '' };

const copy = await mkdtemp(join(tmpdir(), 'fluentpro-lint-'));
try {
  await cp(contracts, copy, { recursive: true });
  const missed = (await Promise.all(Object.entries(breaks).map(check))).flat();
  const ours = [...(await readFile(join(copy, 'redocly.yaml'), 'utf8')).matchAll(/^ {2}((?:rule|fluentpro)\/[\w-]+):/gm)].map(([, rule]) => rule);
  for (const rule of ours) if (!breaks.v2.some(([broken]) => broken === rule)) missed.push(`${rule} is never broken here`);
  if (missed.length > 0) throw new Error(`the linter is blind:\n${missed.join('\n')}`);
  console.log(`${Object.values(breaks).flat().length} broken rules, all found`);
} finally {
  await rm(copy, { recursive: true, force: true });
}

// check gives what the linter missed in a version.
async function check([version, list]) {
  for (const [rule, file, from, to] of list) {
    const path = join(copy, folders[version] ?? version, file);
    const text = await readFile(path, 'utf8');
    const broken = text.replace(from, to);
    if (broken === text) throw new Error(`${rule}: ${file} has no ${from}`);
    await writeFile(path, broken);
  }
  const found = await lint(version);
  return list
    .filter(([rule, file]) => !found.some(({ ruleId, location }) => ruleId === rule && location[0].source.ref.endsWith(file)))
    .map(([rule, file]) => `${version}: ${rule} in ${file}`);
}

function lint(version) {
  const parameters = ['lint', version, '--config', 'redocly.yaml', '--format', 'json', '--max-problems', '10000'];
  return new Promise((resolve, reject) => {
    execFile(redocly, parameters, { cwd: copy, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (!error) return reject(new Error(`${version}: the linter finds nothing wrong`));
      try {
        resolve(JSON.parse(stdout).problems);
      } catch {
        reject(new Error(stderr || stdout));
      }
    });
  });
}
