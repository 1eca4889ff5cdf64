// The embedded engine's process, played by a shell script: its address, its environment, its end.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { EMBEDDED_ENGINE, type EmbeddedOptions, type EngineSession, startEmbedded } from '../../cli/engine.ts';
import { temporaryFolder, toRefusal } from './make.ts';

const ADDRESS = '{"port":4321,"session_token":"secret"}';
/** Serves until its input ends, as the engine does. */
const SERVES = `echo '${ADDRESS}'; cat >/dev/null`;

beforeEach(() => {
  vi.stubEnv('DAGGER_SESSION_PORT', undefined);
  vi.stubEnv('DAGGER_SESSION_TOKEN', undefined);
});

async function start(script: string, over: Partial<EmbeddedOptions> = {}): Promise<EngineSession> {
  const program = join(temporaryFolder(), 'engine');
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return await startEmbedded({ program, root: '/repository', offline: false, mirrors: [], stepTimeout: null, ...over });
}

test('its address goes to the SDK through the environment', async () => {
  const engine = await start(SERVES);
  expect(process.env).toMatchObject({ DAGGER_SESSION_PORT: '4321', DAGGER_SESSION_TOKEN: 'secret' });
  await engine.close();
});

test('it is told where it works', async () => {
  const said: string[] = [];
  const engine = await start(`echo "$@" >&2; ${SERVES}`, { onLine: (line) => said.push(line) });
  await engine.close();
  expect(said).toEqual(['session --workdir /repository']);
});

test('it is the one that the package brings', () => {
  expect(EMBEDDED_ENGINE).toMatch(/\/pipeline\/engine\/bin\/embedded-engine$/);
  expect(statSync(EMBEDDED_ENGINE).mode & 0o111).not.toBe(0);
});

const environments: [over: Partial<EmbeddedOptions>, told: string][] = [
  [{}, '||'],
  [{ offline: true }, '1||'],
  [{ mirrors: ['docker.io=one', 'ghcr.io=two'] }, '|docker.io=one,ghcr.io=two|'],
  [{ stepTimeout: '90s' }, '||90s'],
];
for (const [over, told] of environments) {
  test(`it is told ${JSON.stringify(over)}`, async () => {
    const file = join(temporaryFolder(), 'environment');
    vi.stubEnv('DRYDOCK_OFFLINE', undefined);
    vi.stubEnv('DRYDOCK_MIRRORS', undefined);
    vi.stubEnv('DRYDOCK_STEP_TIMEOUT', undefined);
    const variables = '$DRYDOCK_OFFLINE|$DRYDOCK_MIRRORS|$DRYDOCK_STEP_TIMEOUT';
    const engine = await start(`echo "${variables}" >'${file}'; ${SERVES}`, over);
    await engine.close();
    expect(readFileSync(file, 'utf8')).toBe(`${told}\n`);
  });
}

test('an engine that is closed is not lost', async () => {
  const engine = await start(SERVES);
  const lost = vi.fn();
  engine.lost.catch(lost);
  await engine.close();
  expect(lost).not.toHaveBeenCalled();
});

test('an engine may put its things away before it ends', async () => {
  const file = join(temporaryFolder(), 'tidy');
  const engine = await start(`trap '' TERM; ${SERVES}; echo tidy >'${file}'`);
  await engine.close();
  expect(readFileSync(file, 'utf8')).toBe('tidy\n');
});

test('an engine that ends by itself is lost, and its last words say why', async () => {
  const engine = await start(`echo '${ADDRESS}'; echo 'error: the store is broken' >&2; exit 1`);
  expect(await engine.lost.catch(toRefusal)).toMatchObject({ code: 'ENGINE_FAILED', message: 'the store is broken' });
  await engine.close();
});

test('an engine that is killed is lost', async () => {
  const engine = await start(`echo '${ADDRESS}'; kill -9 $$`);
  expect(await engine.lost.catch(toRefusal)).toMatchObject({
    message: 'the embedded engine was killed, as the kernel does when memory runs out',
  });
});

const failures: [name: string, script: string, code: string, message: string][] = [
  ['cannot run here', "echo 'error: no namespaces' >&2; exit 3", 'NO_ENGINE', 'no namespaces'],
  ['says nothing', 'exit 7', 'ENGINE_FAILED', 'the embedded engine ended (exit code 7)'],
  ['talks a lot first', 'seq 1 500 >&2; exit 1', 'ENGINE_FAILED', 'the embedded engine ended (exit code 1): 500'],
];
for (const [name, script, code, message] of failures) {
  test(`an engine that never gives an address: ${name}`, async () => {
    expect(await start(script).catch(toRefusal)).toMatchObject({ code, message });
    expect(process.env.DAGGER_SESSION_PORT).toBeUndefined();
  });
}

test('an engine whose program is not there', async () => {
  const failed = await start('', { program: '/nowhere/embedded-engine' }).catch(toRefusal);
  expect(failed).toMatchObject({
    code: 'ENGINE_FAILED',
    message: 'the embedded engine ended (spawn /nowhere/embedded-engine ENOENT)',
  });
});

test('each line that it says is handed on', async () => {
  const said: string[] = [];
  const engine = await start(`echo one >&2; echo two >&2; ${SERVES}`, { onLine: (line) => said.push(line) });
  await engine.close();
  expect(said).toEqual(['one', 'two']);
});
