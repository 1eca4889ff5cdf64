// What comes from elsewhere: a file from the web by its checksum, with a secret, with faults; a repository at an address, by commit, kept, and without running what it names.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { answered, gitDaemon, served } from '../conformance/neighbours.ts';
import { sdkSession } from '../sdk-session.ts';
import { errorOf, refusal } from './rows.ts';

const t = sdkSession();
const { dag } = t;

const HELLO = `sha256:${createHash('sha256').update('hello').digest('hex')}`;

test('a file whose checksum is known is fetched once, and then no more', async () => {
  await served(200, 'hello', async (url) =>
    expect(await dag.http(`${url}/a`, { checksum: HELLO }).contents()).toBe('hello'),
  );
  await served(500, '', async (url) =>
    expect(await dag.http(`${url}/b`, { checksum: HELLO }).contents()).toBe('hello'),
  );
});

test('a file with another checksum is refused', async () => {
  const other = HELLO.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
  await served(200, 'hello', async (url) =>
    expect(await errorOf(dag.http(`${url}/a`, { checksum: other }).contents())).toEqual(
      refusal(`has the checksum ${HELLO}, not`),
    ),
  );
});

test('the header that a secret holds is sent, and said nowhere', async () => {
  const authHeader = dag.setSecret('header', 'Bearer hunter2222');
  const said = await answered(
    ({ headers }, response) =>
      void response.writeHead(headers.authorization === 'Bearer hunter2222' ? 200 : 401).end('in'),
    async (url) => [
      await dag.http(`${url}/x`, { authHeader }).contents(),
      await errorOf(dag.http(`${url}/y`).contents()),
    ],
  );
  expect(said).toEqual(['in', refusal('cannot fetch http://127.0.0.1:\\d+/y: the answer is 401')]);
});

test('its permissions, and where it ends up', async () => {
  await served(200, 'hello', async (url) => {
    const file = dag.http(`${url}/tool`, { permissions: 0o755 });
    expect(await t.base().withFile('/bin/', file).withExec(['stat', '-c', '%a', '/bin/tool']).stdout()).toBe('755\n');
  });
});

test('faults are sentences', async () => {
  expect(await errorOf(dag.http('ftp://a/b').contents())).toEqual(refusal('is no address of the web'));
  expect(await errorOf(dag.http('http://127.0.0.1:1/b').contents())).toEqual(
    refusal('cannot fetch http://127.0.0.1:1/b: '),
  );
  const broken = answered(
    (_, response) => void response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy()),
    (url) => errorOf(dag.http(`${url}/b`).contents()),
  );
  expect(await broken).toEqual(refusal('cannot fetch '));
  for (const address of ['/etc', 'file:///etc', 'ext::sh -c true', '--upload-pack=true'])
    expect(await errorOf(dag.git(address).head().commit())).toEqual(refusal('is no address of a repository'));
});

test('a commit by its id, which nothing names any more, is there after its server is gone', async () => {
  const commit = await gitDaemon(t, async (url, repository) => {
    const id = execFileSync('git', ['rev-parse', 'v1.0.0'], { cwd: repository }).toString().trim();
    execFileSync('git', ['tag', '-d', 'v1.0.0'], { cwd: repository });
    expect(await dag.git(url).commit(id).tree().file('f').contents()).toBe('one');
    return { url, id };
  });
  const again = dag.git(commit.url, { httpAuthUsername: 'another' }).commit(commit.id);
  expect(await again.tree().file('f').contents()).toBe('one');
});

test('tags by pattern, the latest of them, and what HEAD is', async () => {
  await gitDaemon(t, async (url) => {
    const repository = dag.git(url);
    expect((await repository.tags({ patterns: ['v1.1*'] })).sort()).toEqual(['v1.10.0']);
    expect(await repository.latestVersion().ref()).toBe('refs/tags/v1.10.0');
    expect(await repository.head().ref()).toBe('refs/heads/main');
    expect(await repository.url()).toBe(url);
  });
});

test('filters and hooks that a repository names are not run', async () => {
  await gitDaemon(t, async (url, repository) => {
    const trap = join(t.tmp, 'sprung');
    writeFileSync(join(repository, '.gitattributes'), '* filter=evil\n');
    for (const hook of ['post-checkout', 'post-update', 'reference-transaction']) {
      writeFileSync(join(repository, '.git/hooks', hook), `#!/bin/sh\ntouch ${trap}-${hook}\n`);
      chmodSync(join(repository, '.git/hooks', hook), 0o755);
    }
    execFileSync('git', ['config', 'filter.evil.smudge', `touch ${trap}`], { cwd: repository });
    const author = ['-c', 'user.name=a', '-c', 'user.email=a@b.c'];
    const git = (...args: string[]) =>
      execFileSync('git', [...author, '-c', 'core.hooksPath=/dev/null', ...args], { cwd: repository });
    git('add', '.gitattributes');
    git('commit', '-qm', 'trap');
    expect(await dag.git(url).head().tree().entries()).toContain('.gitattributes');
    expect(readdirSync(t.tmp).filter((name) => name.startsWith('sprung'))).toEqual([]);
  });
});
