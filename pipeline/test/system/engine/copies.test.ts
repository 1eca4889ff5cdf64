// Where COPY, ADD and WORKDIR put what, with which owner and permissions: as Docker's own builder does, whose answers (Docker 20.10, BuildKit) are recorded.
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Directory } from '@dagger.io/dagger';
import { beforeAll, expect, test } from 'vitest';
import { baseImage } from '../conformance/docker-cases.ts';
import { hasOneId } from '../one-id.ts';
import { sdkSession, sh } from '../sdk-session.ts';

const recorded = new URL('../conformance/copies.json', import.meta.url);
/** By the instructions, which follow a `FROM`: each path that is other than in the base image. */
const answers = JSON.parse(readFileSync(recorded, 'utf8')) as Record<string, string[]>;

const t = sdkSession();
let context = '';
let before: string[] = [];
beforeAll(async () => {
  const files = { 'a.txt': 'a', 'b.txt': 'b', 'c.md': 'c', 'd/a.txt': 'da', 'd/e/f.md': 'f', 'sp ace/s': 's' };
  context = await t.host({ ...files, 'one/x': 'x', 'one/two/t': 't', 'emptyd/x': '', 'pre/x': '' });
  const run = (command: string) => execFileSync('sh', ['-c', command], { cwd: context });
  run('rm emptyd/x pre/x');
  for (const [link, target] of Object.entries({ link: 'a.txt', linkd: 'd', dangling: '/nowhere' }))
    symlinkSync(target, join(context, link));
  for (const [path, mode] of Object.entries({ one: 0o700, 'b.txt': 0o600, 'c.md': 0o755, 'd/a.txt': 0o4755 }))
    chmodSync(join(context, path), mode);
  const tar = 'tar --owner=0 --group=0';
  run(`${tar} -cf ar.tar a.txt d; ${tar} -czf ar.tgz d one; gzip -k a.txt; ${tar} -C d -cJf pre/ar.tar.xz .`);
  before = await listing(t.base().rootfs());
});

/** Every path with its permissions, owner and, if it is short, content, or what it leads to. */
async function listing(root: Directory): Promise<string[]> {
  const script = `cd /m; find . -mindepth 1 | while IFS= read -r f; do
    if [ -L "$f" ]; then echo "$f -> $(readlink "$f")"
    elif [ -d "$f" ]; then echo "$f $(stat -c '%a %u:%g' "$f")"
    else echo "$f $(stat -c '%a %u:%g' "$f") $([ "$(stat -c %s "$f")" -gt 7 ] || cat "$f")"; fi; done`;
  const lines = await t.base().withDirectory('/m', root).withExec(sh(script)).stdout();
  return lines
    .trim()
    .split('\n')
    .map((line) => line.slice(1).trim());
}

const hasOwners = (lines: readonly string[]) => lines.some((line) => / (?!0:0)\d+:\d+( |$)/.test(line));

for (const [instructions, expected] of Object.entries(answers))
  test.skipIf(hasOneId && hasOwners(expected))(instructions.replaceAll('\n', '; '), async () => {
    const dockerfile = `FROM ${await baseImage(t)} AS b0\n${instructions}\n`;
    const built = t.dag.host().directory(context).withNewFile('Dockerfile', dockerfile).dockerBuild();
    const found = (await listing(built.rootfs())).filter((line) => !before.includes(line));
    expect(found.sort()).toEqual(expected);
  });
