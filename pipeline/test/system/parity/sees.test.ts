// What a step sees is what the README says, line by line, and with a Dagger Engine's additions where these are asked for.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { VARIABLES } from '../../../engine/api/like-dagger.ts';
import { makeBase } from '../conformance/base.ts';
import { openSession, sh } from '../engine-session.ts';
import { ROOT } from '../repository.ts';
import { type Environment, temporaryFolder } from '../support.ts';

const readme = readFileSync(join(ROOT, 'pipeline/engine/README.md'), 'utf8');
const [, documented = ''] = /```console\n([\s\S]*?)```/.exec(readme.slice(readme.indexOf('## What a step sees'))) ?? [];
const commands = documented
  .split(/^\$ /m)
  .filter(Boolean)
  .map((part) => {
    const [command = '', ...lines] = part.split('\n');
    return { command, prints: lines.join('\n') };
  });

async function seen(env: Environment): Promise<Record<string, string>> {
  const session = await openSession({ ...env, XDG_CACHE_HOME: await temporaryFolder('sees-cache') });
  try {
    const ask = await session.from(await makeBase(await temporaryFolder('sees-base')));
    const answers: Record<string, string> = {};
    // What the image says, and proxies that this machine has, are not the engine's.
    const without = 'unset BASE $(env | sed -n "s/^\\([A-Za-z]*_[Pp][Rr][Oo][Xx][Yy]\\)=.*/\\1/p")';
    for (const { command } of commands) answers[command] = await ask(sh(`${without}; ${command}`));
    return answers;
  } finally {
    await session.close();
  }
}

const expected = () => Object.fromEntries(commands.map(({ command, prints }) => [command, prints]));

test('a step sees what is documented', async () => {
  expect(commands.length).toBeGreaterThan(8);
  // Any bundle that this machine has is one; a machine may have none.
  const bundle = join(await temporaryFolder('sees-bundle'), 'bundle.pem');
  await writeFile(bundle, '');
  const { NODE_EXTRA_CA_CERTS = bundle } = process.env;
  expect(await seen({ NODE_EXTRA_CA_CERTS })).toEqual(expected());
});

test('and where it is to be as on a Dagger Engine, with what that adds', async () => {
  const [first] = commands;
  const names = (first?.prints ?? '')
    .trim()
    .split(' ')
    .filter((name) => name !== 'NODE_EXTRA_CA_CERTS');
  const added = [...names, ...VARIABLES.map(([name]) => name)].sort();
  expect(await seen({ DRYDOCK_LIKE_DAGGER: '1' })).toEqual({
    ...expected(),
    [first?.command ?? '']: `${added.join(' ')}\n`,
  });
});
