// Which engine is tried in which order and why, what the machine is asked for that, and what an engine's last words mean.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { EngineChoice } from '../../cli/arguments.ts';
import {
  BRING_CLI,
  DAGGER_VERSION,
  EMBEDDED_ENGINE,
  engineCandidates,
  engineError,
  findProvisioning,
  type Provisioning,
  type Surroundings,
} from '../../cli/engine.ts';
import { type Refusal, temporaryFolder, toRefusal } from './make.ts';

type Around = {
  env?: NodeJS.ProcessEnv;
  platform?: NodeJS.Platform;
  finds?: Provisioning;
};

/** What the machine has; without `finds`, it must not even be asked. */
function surroundings({ env = {}, platform = 'linux', finds }: Around): Surroundings {
  return {
    env,
    platform,
    provisioning: async () => {
      if (finds === undefined) throw new Error('the machine was asked for nothing');
      return finds;
    },
  };
}

const docker = { finds: { runtime: 'Docker' } };
const nothing = { finds: { missing: 'no container runtime answers' } };
const unreachable = {
  finds: { missing: 'Docker answers, but the Dagger CLI is neither cached nor can it be downloaded', hint: BRING_CLI },
};
const session = { env: { DAGGER_SESSION_PORT: '1234' } };
const runner = { env: { _EXPERIMENTAL_DAGGER_RUNNER_HOST: 'tcp://somewhere' } };
const ours = { env: { _EXPERIMENTAL_DAGGER_CLI_BIN: EMBEDDED_ENGINE } };
const cli = { env: { _EXPERIMENTAL_DAGGER_CLI_BIN: '/opt/dagger' } };

const orders: [choice: EngineChoice, offline: boolean, around: Around, order: string[]][] = [
  // A runtime answers: Dagger first, ours only where it can run and nobody asked for Dagger.
  ['auto', false, docker, ['dagger: Docker answers', 'embedded: the Dagger engine did not start']],
  ['auto', false, { ...docker, platform: 'darwin' }, ['dagger: Docker answers']],
  ['auto', false, { ...docker, platform: 'win32' }, ['dagger: Docker answers']],
  ['auto', false, { finds: { runtime: 'Podman' }, platform: 'darwin' }, ['dagger: Podman answers']],
  ['dagger', false, docker, ['dagger: Docker answers']],
  // Nothing answers.
  ['auto', false, nothing, ['embedded: no container runtime answers']],
  ['auto', false, unreachable, [`embedded: ${unreachable.finds.missing}`]],
  // Ours, without a question.
  ['embedded', false, {}, ['embedded: asked for']],
  ['embedded', true, {}, ['embedded: asked for']],
  ['auto', true, {}, ['embedded: the only one that --offline can be promised for']],
  ['embedded', false, session, ['embedded: asked for']],
  ['auto', true, session, ['embedded: the only one that --offline can be promised for']],
  // The environment names one, without a question.
  ['auto', false, session, ['session: DAGGER_SESSION_PORT names a session that is already there']],
  ['dagger', false, session, ['session: DAGGER_SESSION_PORT names a session that is already there']],
  [
    'auto',
    false,
    { ...session, platform: 'darwin' },
    ['session: DAGGER_SESSION_PORT names a session that is already there'],
  ],
  ['auto', false, runner, ['dagger: _EXPERIMENTAL_DAGGER_RUNNER_HOST names it']],
  ['auto', false, ours, ['embedded: _EXPERIMENTAL_DAGGER_CLI_BIN names it']],
  ['auto', false, { env: { ...ours.env, ...session.env } }, ['embedded: _EXPERIMENTAL_DAGGER_CLI_BIN names it']],
  ['dagger', false, ours, ['dagger: _EXPERIMENTAL_DAGGER_CLI_BIN names it']],
  ['dagger', false, cli, ['dagger: _EXPERIMENTAL_DAGGER_CLI_BIN names it']],
  [
    'auto',
    false,
    { env: { ...session.env, ...runner.env } },
    ['session: DAGGER_SESSION_PORT names a session that is already there'],
  ],
  ['auto', false, { env: { DAGGER_SESSION_PORT: '' }, ...nothing }, ['embedded: no container runtime answers']],
];
for (const [choice, offline, around, order] of orders) {
  test(`engines: ${label(choice, offline, around)}`, async () => {
    const engines = await engineCandidates(choice, offline, surroundings(around));
    expect(engines.map(({ kind, why }) => `${kind}: ${why}`)).toEqual(order);
  });
}

const refusals: [choice: EngineChoice, offline: boolean, around: Around, message: string, hint: string][] = [
  [
    'dagger',
    false,
    nothing,
    'a Dagger engine cannot be started: no container runtime answers',
    'start a container runtime, or use --engine embedded on Linux',
  ],
  [
    'dagger',
    false,
    { ...unreachable, platform: 'darwin' },
    `a Dagger engine cannot be started: ${unreachable.finds.missing}`,
    BRING_CLI,
  ],
  [
    'auto',
    false,
    { ...nothing, platform: 'darwin' },
    'nothing here can run containers: no container runtime answers',
    'install and start Docker Desktop, Podman or another container runtime',
  ],
  [
    'embedded',
    false,
    { platform: 'darwin' },
    'the embedded engine runs on Linux only',
    'use --engine dagger with Docker or another container runtime',
  ],
  [
    'auto',
    true,
    { platform: 'win32' },
    '--offline needs the embedded engine, which runs on Linux only',
    'use --engine dagger with Docker or another container runtime',
  ],
];
for (const [choice, offline, around, message, hint] of refusals) {
  test(`no engine: ${label(choice, offline, around)}`, async () => {
    const refused = await engineCandidates(choice, offline, surroundings(around)).catch(toRefusal);
    expect(refused).toEqual({ code: 'NO_ENGINE', exitCode: 3, message, hint } satisfies Refusal);
  });
}

function label(choice: EngineChoice, offline: boolean, { env = {}, platform = 'linux', finds }: Around): string {
  const found = finds === undefined ? 'not asked' : Object.values(finds)[0];
  return [choice, offline ? 'offline' : 'online', platform, ...Object.keys(env), found].join(', ');
}

// ------------------------------------------------------------------------------------ what the machine is asked

type Machine = { programs: Record<string, string>; hasCli?: boolean; isOnline?: boolean };

/** PATH holds these scripts and nothing else, so no runtime of this machine is ever asked. */
async function ask({ programs, hasCli = false, isOnline = false }: Machine) {
  const folder = temporaryFolder();
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  vi.stubEnv('PATH', folder);
  vi.stubGlobal('fetch', async () => {
    if (!isOnline) throw new TypeError('fetch failed');
    return new Response();
  });
  if (hasCli) {
    mkdirSync(join(folder, 'dagger'));
    writeFileSync(join(folder, 'dagger', `dagger-${DAGGER_VERSION}`), '');
  }
  return await findProvisioning({ XDG_CACHE_HOME: folder });
}

const CLI_MISSING = 'answers, but the Dagger CLI is neither cached nor can it be downloaded';
const machines: [name: string, machine: Machine, answer: string][] = [
  ['nothing', { programs: {}, isOnline: true }, 'no container runtime answers'],
  ['a client without its daemon', { programs: { docker: 'exit 1' }, isOnline: true }, 'no container runtime answers'],
  ['a client that says nothing', { programs: { docker: 'exit 0' }, isOnline: true }, 'no container runtime answers'],
  ['Docker, and a network', { programs: { docker: 'echo 28.0' }, isOnline: true }, 'Docker'],
  ['Docker, and the CLI on disk', { programs: { docker: 'echo 28.0' }, hasCli: true }, 'Docker'],
  ['Docker alone', { programs: { docker: 'echo 28.0' } }, `Docker ${CLI_MISSING}`],
  ['Podman alone', { programs: { podman: 'echo 5.0' } }, `Podman ${CLI_MISSING}`],
  ['both', { programs: { podman: 'echo 5.0', docker: 'echo 28.0' }, isOnline: true }, 'Docker'],
  ['a dead Docker beside Podman', { programs: { podman: 'echo 5', docker: 'exit 1' }, isOnline: true }, 'Podman'],
  ['nerdctl', { programs: { nerdctl: 'echo 2.0' }, isOnline: true }, 'nerdctl'],
  ['Apple’s container', { programs: { container: 'echo running' }, isOnline: true }, 'Apple container'],
];
for (const [name, machine, answer] of machines) {
  test.skipIf(process.platform !== 'linux')(`a machine with ${name}`, async () => {
    const found = await ask(machine);
    expect('runtime' in found ? found.runtime : found.missing).toBe(answer);
  });
}

// ------------------------------------------------------------------------------------------ an engine's last words

const VERBOSE = 'run again with --verbose to see what the engine says';
const AT_WORK = ['fetching node', 'node:24.21.0-bookworm-slim: 68 packages at hand'];
const KILLED = 'the embedded engine was killed, as the kernel does when memory runs out';
const MORE_MEMORY = 'docker run --memory 4g IMAGE, or close other programs';
const words: [name: string, how: string, said: string[], code: string, message: string, hint: string][] = [
  [
    'a cause and a hint',
    'exit code 3',
    ['starting', 'error: user namespaces are not allowed', 'hint: sysctl user.max_user_namespaces=1000'],
    'NO_ENGINE',
    'user namespaces are not allowed',
    'sysctl user.max_user_namespaces=1000',
  ],
  ['a cause alone', 'exit code 3', ['error: no cgroups'], 'NO_ENGINE', 'no cgroups', VERBOSE],
  ['a cause, and another exit code', 'exit code 1', ['error: it broke'], 'ENGINE_FAILED', 'it broke', VERBOSE],
  ['the last of many causes', 'exit code 1', ['error: first', 'x', 'error: last'], 'ENGINE_FAILED', 'last', VERBOSE],
  [
    'a full disk',
    'exit code 3',
    ['error: write /x: no space left on device'],
    'NO_SPACE',
    'write /x: no space left on device',
    VERBOSE,
  ],
  [
    'a full disk in its own words',
    'exit code 3',
    ['error: the disk is full: x'],
    'NO_SPACE',
    'the disk is full: x',
    VERBOSE,
  ],
  ['a full disk in Node’s words', 'exit code 1', ['error: ENOSPC: x'], 'NO_SPACE', 'ENOSPC: x', VERBOSE],
  [
    'a stack',
    'exit code 1',
    ['TypeError: x', '    at y ', '', ' '],
    'ENGINE_FAILED',
    'the embedded engine ended (exit code 1): at y',
    VERBOSE,
  ],
  ['nothing', 'SIGTERM', [], 'ENGINE_FAILED', 'the embedded engine ended (SIGTERM)', VERBOSE],
  ['a signal, amid its work', 'SIGBUS', AT_WORK, 'ENGINE_FAILED', 'the embedded engine ended (SIGBUS)', VERBOSE],
  ['the kernel, for want of memory', 'SIGKILL', AT_WORK, 'ENGINE_FAILED', KILLED, MORE_MEMORY],
  ['the same, as a shell tells of it', 'exit code 137', AT_WORK, 'ENGINE_FAILED', KILLED, MORE_MEMORY],
  [
    'a line that only looks like a cause',
    'exit code 1',
    ['an error: x'],
    'ENGINE_FAILED',
    'the embedded engine ended (exit code 1): an error: x',
    VERBOSE,
  ],
];
for (const [name, how, said, code, message, hint] of words) {
  test(`an engine that ends with ${name}`, () => {
    expect(toRefusal(engineError(how, said))).toEqual({ code, exitCode: 3, message, hint } satisfies Refusal);
  });
}

test('an engine that ends with a setting that it cannot use: usage error', () => {
  const error = engineError('exit code 2', ['error: DRYDOCK_STORE_BUDGET is not a size: x', 'hint: write it as 20GB']);
  expect(toRefusal(error)).toEqual({
    code: 'BAD_OPTION',
    exitCode: 2,
    message: 'DRYDOCK_STORE_BUDGET is not a size: x',
    hint: 'write it as 20GB',
  } satisfies Refusal);
});
