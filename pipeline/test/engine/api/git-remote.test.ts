// What a host of repositories says of its refs, by git's own protocol (gitprotocol-v2): it may name anything.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { remoteRefs } from '../../../engine/api/git-remote.ts';
import { gitRunner } from '../../../engine/api/git-runner.ts';
import { hasGit } from '../../git.ts';

const COMMIT = '1'.repeat(40);
const packet = (line: string) => `${(line.length + 5).toString(16).padStart(4, '0')}${line}\n`;

const rows: [head: string, isHead: string][] = [
  ['refs/heads/main', 'refs/heads/main'],
  ['refs/heads/--upload-pack=x', 'refs/heads/--upload-pack=x'],
  ['--stdin', 'HEAD'],
  ['-d', 'HEAD'],
  ['../../config', 'HEAD'],
];
for (const [head, isHead] of rows)
  test.runIf(hasGit)(`a HEAD that is said to be ${head} is ${isHead}`, async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {}).write(`${packet('version 2')}${packet('ls-refs')}0000`);
      socket.on('data', (chunk) => {
        if (!chunk.includes('command=ls-refs')) return;
        socket.write(`${packet(`${COMMIT} HEAD symref-target:${head}`)}${packet(`${COMMIT} refs/heads/main`)}0000`);
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `git://127.0.0.1:${(server.address() as AddressInfo).port}/r`;
    const git = gitRunner('/', {}, async () => '/dev/null');
    const found = await remoteRefs(git, { url, variables: async () => ({}) }).finally(() => server.close());
    expect(found).toEqual({ text: `${COMMIT} HEAD\n${COMMIT} refs/heads/main\n`, head: isHead });
  });
