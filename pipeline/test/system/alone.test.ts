// Smoke of a service in a repository without a platform: deployed alone, it has to start, to answer, and to end as it is told. One that does
// not is named at once, with its last words.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { greeterIn } from './greeter.ts';
import { traces } from './processes.ts';
import { add, ci, copyInto, type Ran, resultOf, whileEdited } from './repository.ts';
import { temporaryFolder } from './support.ts';

let repository: string;
let before: ReturnType<typeof traces>;

beforeAll(async () => {
  repository = await temporaryFolder('alone');
  before = traces();
  await copyInto(repository, (path) => path.startsWith('pipeline/'), {
    '.gitignore': 'node_modules\nout\n',
    'drydock.yaml': 'services: [{ path: ., name: greeter, port: 3000, health: /healthz, types: false, test: false }]\n',
    ...greeterIn('.'),
  });
});

const rowsOf = (ran: Ran) =>
  resultOf(ran).smoke?.rows.map(({ name, status, detail }) => [name, status, detail] as const) ?? [];

test('it starts, answers, and answers what is in flight when it is told to end', async () => {
  const ran = await ci(repository, ['smoke']);
  expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
  expect(rowsOf(ran)).toEqual([
    ['app is healthy', 'passed', 'its own check says so'],
    ['/ is answered', 'passed', '200'],
    ['A request in flight is answered while the service ends', 'passed', 'HTTP/1.1 200 OK'],
    ['The service ends on SIGTERM', 'passed', 'exit code 0'],
    ['The service is healthy again', 'passed', 'its own check says so'],
  ]);
  expect(traces(), 'nothing stays').toEqual(before);
});

test('a compose file that deploys something else is left alone, which is said', async () => {
  await add(repository, { 'docker-compose.yml': 'services:\n  db:\n    image: postgres:17\n' });
  const ran = await ci(repository, ['smoke']);
  expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
  expect(ran.stdout).toMatch(
    /the service was deployed alone: no service of docker-compose.yml has the image \$\{APP_IMAGE\}/,
  );
});

const faults: [what: string, edit: (text: string) => string, row: string, detail: RegExp][] = [
  [
    'one that dies at its start',
    (text) => `throw new Error('no database at 10.0.0.5:5432');\n${text}`,
    'app is healthy',
    /^it ended with exit code 1; it last said:\n[\s\S]*Error: no database at 10\.0\.0\.5:5432/,
  ],
  [
    'one that listens to another port than drydock.yaml says',
    (text) => text.replace('process.env.PORT', '4000'),
    'app is healthy',
    /^not within 34 s; it listens to 4000; it /,
  ],
  [
    'one that cuts off what is in flight',
    (text) => text.replace('server.close()', 'process.exit(0)'),
    'A request in flight is answered while the service ends',
    /ECONNRESET|it was cut off/,
  ],
  [
    'one that something keeps running',
    (text) => `setInterval(() => {}, 1000);\n${text}`,
    'The service ends on SIGTERM',
    /was killed/,
  ],
  [
    'one that writes to its root',
    (text) => `import { writeFileSync } from 'node:fs';\nwriteFileSync('/app/state', '');\n${text}`,
    'app is healthy',
    /EROFS|EACCES/,
  ],
];
test.for(faults)('%s is red, and says why', async ([, change, row, detail]) => {
  const ran = await whileEdited(repository, { 'server.js': change }, () => ci(repository, ['smoke']));
  expect(ran.exitCode, ran.stdout).toBe(1);
  const [, status, said] = rowsOf(ran).find(([name]) => name === row) ?? [];
  expect([status, said]).toEqual(['failed', expect.stringMatching(detail)]);
  expect(readFileSync(join(ran.output, 'logs/smoke-app.log'), 'utf8')).toBeDefined();
});
