// Files made from the Compose specification's fields, each read by the real Docker Compose and by the model: what the model accepts means the
// same to both. SEEDS=FROM-TO tries more of them, and prints how many were equal and refused.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { $ } from 'zx';
import { withEnvFiles } from '../../../src/core/compose/env-file.ts';
import { readCompose } from '../../../src/core/compose/read.ts';
import { composeProgram } from './compose.ts';
import { composeFile, VARIABLES } from './compose-files.ts';
import { type Meaning, meaningOfModel, meaningsOf } from './written.ts';

const ENV_FILES: Readonly<Record<string, string>> = {
  'a.env': `# a comment\nFROM_FILE=1\nA=file\nexport Q="a b"\nS='$x'\nT=v # c\nU=$FROM_FILE\n`,
  'b.env': 'FROM_FILE=2\n',
};

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drydock-differential-'));
  for (const [name, text] of Object.entries(ENV_FILES)) await writeFile(join(folder, name), text);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Said = { meanings: Record<string, Meaning> } | { refusal: string };

async function dockerSays(text: string): Promise<Said> {
  const program = await composeProgram();
  const file = join(folder, 'docker-compose.yml');
  await writeFile(file, text);
  const { PATH = '', HOME = '' } = process.env;
  const how = $({ env: { PATH, HOME, ...VARIABLES }, nothrow: true, quiet: true });
  const said = await how`${program} --env-file /dev/null -p x -f ${file} config --format json`;
  return said.exitCode === 0 ? { meanings: meaningsOf(said.stdout, folder) } : { refusal: said.stderr };
}

function modelSays(text: string): Said {
  try {
    const { services } = readCompose(text, VARIABLES);
    const whole = services.map((service) => withEnvFiles(service, VARIABLES, (path) => ENV_FILES[path]));
    return { meanings: Object.fromEntries(whole.map((service) => [service.name, meaningOfModel(service)])) };
  } catch (error) {
    expect(error).toMatchObject({ code: 'BAD_COMPOSE' });
    return { refusal: String(error) };
  }
}

/** Each was another thing to the model once. */
const KEPT: [name: string, lines: string][] = [
  ['braces in a default', `environment: { B: 'x-\${COUNT:-{"a":1}}' }`],
  ['braces in what is not chosen', `environment: { A: '\${NONE+{"a":1}}/x' }`],
  ['a limit without one of its two', 'ulimits: { nofile: { soft: 1 } }'],
  ['a cast that there is not', 'depends_on: { b: { condition: service_started, required: "true" } }'],
  ['an address that there is not', 'ports: ["1.2.3.999:1:1"]'],
  ['no number, where nobody reads it', 'x-note: .NaN'],
  ['a number of the size of a target', 'ports: [{ target: 80, published: 0x50 }]'],
  [
    'texts that look like something else',
    `environment: ['A=\${V:-010}', 'B=\${V:-1.10}', 'C=\${V:-*}', 'D=\${V:-null}']`,
  ],
  ['numbers', 'environment: { A: 010, B: 0x10, C: 1.10, D: 1234567890123456789, E: 1e7, F: 1_000, G: 0o17 }'],
  ['what extends a service that says less', 'environment: [A=b]\n    extends: b'],
  ['an empty environment', 'environment:'],
  ['empty volumes', 'volumes:'],
  ['a port that there is not', 'ports: ["99999:80"]'],
];
test.for(KEPT)('%s', async ([, lines]) => {
  const text = `services:\n  b: { image: "x:1" }\n  a:\n    image: x:1\n    ${lines}\n`;
  const [theirs, ours] = [await dockerSays(text), modelSays(text)];
  if ('meanings' in ours) expect(ours).toEqual(theirs);
  else expect(theirs).toHaveProperty('refusal');
});

test('whatever the model accepts means the same to Docker Compose', async () => {
  const [from = 0, to = 120] = (process.env.SEEDS ?? '').split('-').filter(Boolean).map(Number);
  const counts = { files: 0, equal: 0, refused: 0 };
  for (let seed = from; seed < to; seed += 1) {
    counts.files += 1;
    const text = composeFile(seed);
    const ours = modelSays(text);
    // What Docker Compose says of what the model refuses is of no consequence.
    if ('refusal' in ours) counts.refused += 1;
    else {
      expect(ours, `seed ${seed}:\n${text}`).toEqual(await dockerSays(text));
      counts.equal += 1;
    }
  }
  if (process.env.SEEDS !== undefined) process.stdout.write(`${JSON.stringify(counts)}\n`);
  expect(counts.equal).toBeGreaterThan((to - from) / 8);
});
