// What no file system takes, and patterns that mean nothing: one sentence with the line of the Dockerfile, and never a path of the store.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../../src/oci/digest.ts';
import { tarOf } from '../../oci/helpers.ts';
import { build } from '../conformance/docker-cases.ts';
import { sdkSession } from '../sdk-session.ts';
import { file } from './crafted-images.ts';

const t = sdkSession();
const { dag, failure } = t;

const NAME = 'n'.repeat(300); // limits.h: NAME_MAX is 255
const DEEP = '/d'.repeat(3000); // limits.h: PATH_MAX is 4096
const TOO_LONG = 'the name n{40}… has 300 bytes, and a name can have 255';
const TOO_DEEP = 'a path is longer than the 4095 bytes that the system takes';

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const { message } = await failure(promise);
  expect(message).not.toContain(t.tmp);
  return message;
}

const PATTERN = 'syntax error in pattern "\\[z-a\\]\\*": the range z-a is out of order';
const dockerfiles: [name: string, line: string, files: Record<string, string>, said: string][] = [
  ['a NUL in a path', 'COPY a /x\0y/', {}, 'COPY: a path holds a NUL character, which no name can have'],
  ['a NUL in a folder', 'WORKDIR /x\0y', {}, 'WORKDIR: a path holds a NUL character, which no name can have'],
  ['a NUL in a source', 'COPY a\0b /x/', {}, 'COPY: a\0b: no such file or directory'],
  ['a long name', `COPY a /${NAME}`, {}, `COPY: ${TOO_LONG}`],
  ['a folder of a long name', `COPY a /${NAME}/x/`, {}, `COPY: ${TOO_LONG}`],
  ['a source of a long name', `COPY ${NAME} /x/`, {}, `COPY: (${TOO_LONG}|${NAME}: no such file or directory)`],
  ['a working directory of a long name', `WORKDIR /${NAME}`, {}, `WORKDIR: ${TOO_LONG}`],
  ['folders too deep', `COPY a ${DEEP}/x`, {}, `COPY: ${TOO_DEEP}`],
  ['a working directory too deep', `WORKDIR ${DEEP}`, {}, `WORKDIR: ${TOO_DEEP}`],
  ['a pattern that means nothing', 'COPY [z-a]* /x/', {}, `COPY: ${PATTERN}`],
  ['one to exclude', 'COPY --exclude=[z-a]* . /x/', {}, `COPY: ${PATTERN}`],
  ['one in .dockerignore', 'COPY a /x/', { '.dockerignore': 'b\n[z-a]*\n' }, `COPY: \\.dockerignore: ${PATTERN}`],
];
for (const [name, line, files, said] of dockerfiles)
  test(`a Dockerfile with ${name}`, async () => {
    const built = build(t, `FROM scratch\n${line}\n`, { a: 'a', ...files });
    expect(await messageOf((await built).sync())).toMatch(new RegExp(`^Dockerfile: line 2: ${said}`));
  });

test('the same of calls', async () => {
  const made = dag.directory();
  expect(await messageOf(t.base().withDirectory(`/${NAME}`, made).sync())).toMatch(new RegExp(TOO_LONG));
  expect(await messageOf(t.base().withNewFile(DEEP, 'x').sync())).toContain(TOO_DEEP);
  expect(await messageOf(t.base().withWorkdir(`/${NAME}`).withExec(['true']).sync())).toContain(
    'could not start the command: ',
  );
  expect(await messageOf(made.withNewFile('a', '').glob('[z-a]*'))).toMatch(new RegExp(PATTERN));
  expect(await messageOf(made.filter({ exclude: ['[z-a]*'] }).entries())).toMatch(new RegExp(PATTERN));
});

async function added(tar: Buffer): Promise<Promise<unknown>> {
  const folder = await t.host({ Dockerfile: 'FROM scratch\nADD a.tar /x/\n' });
  writeFileSync(join(folder, 'a.tar'), tar);
  return dag.host().directory(folder).dockerBuild().directory('/x').entries();
}

// Go's archive/tar refuses it as well ("validPAXRecord")
test('an archive with a NUL in a path', async () => {
  const tar = await tarOf([file(`${'p'.repeat(200)}#x`, 'x')]);
  tar[tar.indexOf('#', tar.indexOf('path='))] = 0;
  expect(await messageOf(added(tar))).toMatch(
    /^Dockerfile: line 2: ADD: the archive has a NUL character in its path, at byte \d+/,
  );
});

// containerd's archive/time.go: what its clock cannot count is the beginning
test('an archive of a time that no clock has', async () =>
  expect(await added(await tarOf([{ ...file('a', 'x'), mtime: 1e20 }]))).toEqual(['a']));

test('a saved image whose config counts other layers than there are', async () => {
  const layer = await tarOf([file('a', 'x')]);
  const config = JSON.stringify({
    ...{ architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux', config: {} },
    rootfs: { type: 'layers', diff_ids: Array.from({ length: 500 }, () => digestOf(layer)) },
  });
  const list = JSON.stringify([{ Config: 'c.json', RepoTags: ['a:1'], Layers: ['l.tar'] }]);
  const path = join(t.tmp, 'counted.tar');
  writeFileSync(path, await tarOf([file('c.json', config), file('l.tar', layer), file('manifest.json', list)]));
  expect(await messageOf(dag.container().import_(dag.host().file(path)).rootfs().entries())).toMatch(
    /^the archive: sha256:\w{64} has 1 layers, but its config counts 500/,
  );
});

test('a pattern that can be read in many ways leaves the engine free', async () => {
  const folder = await t.host({ [`${'d/'.repeat(27)}package.json`]: '{}' });
  execFileSync('ln', ['-s', 'd', join(folder, 'e')]);
  const exclude = [`${'**/'.repeat(24)}x`];
  expect(await dag.host().directory(folder, { exclude }).entries()).toEqual(['d/', 'e']);
});
