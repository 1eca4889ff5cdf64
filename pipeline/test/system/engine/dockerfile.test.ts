// Dockerfiles built by the embedded engine: what is copied, mounted, unpacked and refused, in the examples of Docker's reference.
import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Container } from '@dagger.io/dagger';
import { expect, test } from 'vitest';
import { build } from '../conformance/docker-cases.ts';
import { sdkSession, sh } from '../sdk-session.ts';
import { errorOf, type Row, refusal, testRows } from './rows.ts';

const t = sdkSession();
const { dag, failure } = t;

const built = (dockerfile: string, files: Record<string, string> = {}, options = {}) =>
  build(t, dockerfile, files, options);
/** What a command says in the container that was built. */
const said = async (container: Promise<Container>, script: string) => (await container).withExec(sh(script)).stdout();
const paths = async (container: Promise<Container>, path = '/x') =>
  (await (await container).directory(path).glob('**/*')).filter((name) => !name.endsWith('/')).sort();
const faultOf = async (container: Promise<Container>) => (await failure((await container).sync())).message;

const TEXTS = { 'a.txt': 'a', 'b.txt': 'b', 'c.md': 'c', 'd/a.txt': 'da', 'd/e/f.md': 'f' };

const rows: Row[] = [
  // ── COPY ──────────────────────────────────────────────────────────────────────────────
  ['a pattern', () => paths(built('FROM scratch\nCOPY *.txt /x/', TEXTS)), ['a.txt', 'b.txt']],
  ['one character of a pattern', () => paths(built('FROM scratch\nCOPY ?.md d/*.txt /x/', TEXTS)), ['a.txt', 'c.md']],
  ['a pattern that nothing fits', () => paths(built('FROM scratch\nCOPY *.rs a.txt /x/', TEXTS)), ['a.txt']],
  ['several folders in one', () => paths(built('FROM scratch\nCOPY d d/e /x/', TEXTS)), ['a.txt', 'e/f.md', 'f.md']],
  ['a path that would lead out', () => paths(built('FROM scratch\nCOPY ../../a.txt /x/', TEXTS)), ['a.txt']],
  [
    'with parents, from a pivot on',
    () => paths(built('FROM scratch\nCOPY --parents a.txt ./d/./e/f.md /x/', TEXTS)),
    ['a.txt', 'e/f.md'],
  ],
  [
    'with parents, a pattern',
    () => paths(built('FROM scratch\nCOPY --parents **/*.md /x/', TEXTS)),
    ['c.md', 'd/e/f.md'],
  ],
  [
    'without what is excluded',
    () =>
      paths(
        built('FROM scratch\nCOPY --exclude=**/*.md --exclude=b.* . /x/', {
          ...TEXTS,
          '.dockerignore': 'Docker*\n.d*',
        }),
      ),
    ['a.txt', 'd/a.txt'],
  ],
  [
    'a file over a file, and into a folder that is there',
    () => said(built('FROM BASE\nRUN mkdir /x\nCOPY a.txt /x\nCOPY b.txt /x/a.txt', TEXTS), 'cat /x/a.txt'),
    'b',
  ],
  [
    'a folder that is there keeps its owner and permissions',
    () =>
      said(built('FROM BASE\nCOPY --chown=app a.txt /tmp/\nCOPY d/e /tmp', TEXTS), "stat -c '%a %U' /tmp /tmp/a.txt"),
    '1777 root\n644 app\n',
  ],
  [
    'folders on the way are the owner’s, too',
    () =>
      said(
        built('FROM BASE\nCOPY --chown=1000:1000 a.txt /new/folder/\nCOPY --chown=app:root a.txt /o/f', TEXTS),
        "stat -c '%U:%G' /new /new/folder /new/folder/a.txt /o /o/f",
      ),
    'app:app\napp:app\napp:app\napp:root\napp:root\n',
  ],
  [
    'a folder that is new is open to all, whatever its source is like, and the mode given is of what is in it',
    () =>
      said(
        built('FROM BASE AS one\nRUN mkdir -m 700 /f && touch /f/a\nFROM BASE\nCOPY --from=one --chmod=640 /f /x/y'),
        "stat -c '%a' /x /x/y /x/y/a",
      ),
    '755\n755\n640\n',
  ],
  [
    'of another stage, with owner and permissions',
    () =>
      said(
        built(
          'FROM BASE AS one\nRUN touch /f && chown app /f && chmod 700 /f && ln -s f /l\nFROM BASE\nCOPY --from=one /f /l /x/',
        ),
        "stat -c '%U %a %F' /x/f /x/l",
      ),
    'app 700 regular empty file\napp 700 regular empty file\n',
  ],
  [
    'a heredoc into a folder',
    () =>
      said(
        built("FROM BASE\nCOPY <<robots.txt <<'humans.txt' /x/\n$BASE\nrobots.txt\n$BASE\nhumans.txt\n"),
        'cat /x/robots.txt /x/humans.txt',
      ),
    'yes\n$BASE\n',
  ],
  [
    'the Dockerfile’s own .dockerignore',
    () =>
      paths(
        built(
          '',
          {
            ...TEXTS,
            'o/Dockerfile': 'FROM scratch\nCOPY . /x',
            'o/Dockerfile.dockerignore': '*\n!*.md\n',
            '.dockerignore': '*',
          },
          { dockerfile: 'o/Dockerfile' },
        ),
      ),
    ['c.md'],
  ],
  // ── WORKDIR, USER, SHELL ──────────────────────────────────────────────────────────────
  [
    'a working directory is its user’s',
    () => said(built('FROM BASE\nUSER app\nWORKDIR /w/x\nRUN touch y'), "stat -c '%U' /w /w/x /w/x/y"),
    'app\napp\napp\n',
  ],
  [
    'a step runs as its user',
    () => said(built('FROM BASE\nUSER app\nWORKDIR /tmp\nRUN id -un > who; pwd >> who'), 'cat /tmp/who'),
    'app\n/tmp\n',
  ],
  [
    'another shell',
    () => said(built('FROM BASE\nSHELL ["/bin/sh", "-e", "-c"]\nRUN echo $- > /x'), 'grep -c e /x'),
    '1\n',
  ],
  [
    'a heredoc with an interpreter',
    () => said(built('FROM BASE\nRUN <<E\n#!/bin/sh -u\necho $0 > /x\nE'), 'cat /x'),
    '/dev/pipes/E\n',
  ],
  [
    'a heredoc for another program',
    () => said(built('FROM BASE\nRUN cat <<A > /x && cat <<"B" >> /x\n$BASE\nA\n$BASE\nB'), 'cat /x'),
    'yes\n$BASE\n',
  ],
  // ── RUN --mount, --network ────────────────────────────────────────────────────────────
  [
    'a folder of the context, read-only',
    () =>
      said(
        built('FROM BASE\nRUN --mount=source=d,target=/m cat /m/a.txt > /x; touch /m/z || echo no >> /x', TEXTS),
        'cat /x; ls /m 2>/dev/null || true',
      ),
    'dano\n',
  ],
  [
    'a file of the context',
    () => said(built('FROM BASE\nWORKDIR /w\nRUN --mount=type=bind,source=a.txt,target=q cat q > /x', TEXTS), 'cat /x'),
    'a',
  ],
  [
    'what is written to one that can be written to is dropped',
    () =>
      said(
        built('FROM BASE\nRUN --mount=type=bind,target=/m,rw echo 1 > /m/z && cat /m/z > /x', TEXTS),
        'cat /x; ls /m 2>/dev/null || true',
      ),
    '1\n',
  ],
  [
    'of another stage',
    () =>
      said(
        built('FROM BASE AS one\nRUN echo 1 > /f\nFROM BASE\nRUN --mount=from=one,source=/f,target=/m cat /m > /x'),
        'cat /x',
      ),
    '1\n',
  ],
  [
    'a cache with an owner and a mode',
    () =>
      said(
        built(
          "FROM BASE\nUSER app\nRUN --mount=type=cache,target=/c,uid=1000,gid=1000,mode=0700 stat -c '%U %a' /c > /tmp/x && touch /c/f",
        ),
        'cat /tmp/x',
      ),
    'app 700\n',
  ],
  [
    'a cache lasts from build to build',
    async () => {
      const step = (n: number) =>
        `FROM BASE\nRUN --mount=type=cache,id=lasting,target=/c echo ${n} >> /c/n; cat /c/n > /x`;
      await (await built(step(1))).sync();
      return said(built(step(2)), 'cat /x');
    },
    '1\n2\n',
  ],
  [
    'a temporary folder',
    () =>
      said(
        built(
          'FROM BASE\nRUN --mount=type=tmpfs,target=/t,size=1m mount | grep -c "on /t type tmpfs" > /x; touch /t/f',
        ),
        'cat /x; ls /t 2>/dev/null || true',
      ),
    '1\n',
  ],
  [
    'a secret as a variable',
    () =>
      said(
        built(
          'FROM BASE\nRUN --mount=type=secret,id=tok,env=TOKEN printf %s "$TOKEN" | wc -c > /x; ls /run/secrets >> /x 2>/dev/null || true',
          {},
          { secrets: [dag.setSecret('tok', 'abcdefgh')] },
        ),
        'cat /x; echo "[$TOKEN]"',
      ),
    '8\n[]\n',
  ],
  [
    'a secret for a user',
    () =>
      said(
        built(
          'FROM BASE\nUSER app\nRUN --mount=type=secret,id=tok,target=/s,uid=1000,mode=0400 wc -c < /s > /tmp/x',
          {},
          { secrets: [dag.setSecret('tok', 'abcdefgh')] },
        ),
        'cat /tmp/x',
      ),
    '8\n',
  ],
  [
    'a secret that is not given is not there',
    () =>
      said(
        built('FROM BASE\nRUN --mount=type=secret,id=none ls /run/secrets > /x 2>/dev/null; echo $? >> /x'),
        'wc -l < /x',
      ),
    '1\n',
  ],
  [
    'no network',
    () => said(built("FROM BASE\nRUN --network=none ip -o link | awk '{print $2}' > /x"), 'cat /x'),
    'lo:\n',
  ],
  // ── stages ────────────────────────────────────────────────────────────────────────────
  [
    'a stage that nothing needs is not built',
    () => said(built('FROM BASE AS a\nRUN exit 1\nFROM BASE\nRUN echo 1 > /x'), 'cat /x'),
    '1\n',
  ],
  [
    'triggers of a stage',
    () => said(built('FROM BASE AS a\nONBUILD RUN echo $BASE > /x\nFROM a\nRUN echo 2 >> /x'), 'cat /x'),
    'yes\n2\n',
  ],
  [
    'a proxy that is given reaches steps, and not the image',
    () =>
      said(
        built('FROM BASE\nRUN echo $http_proxy > /x', {}, { buildArgs: [{ name: 'http_proxy', value: 'http://p:1' }] }),
        'cat /x; echo "[$http_proxy]"',
      ),
    expect.stringMatching(/^http:\/\/p:1\n/),
  ],
  // ── faults ────────────────────────────────────────────────────────────────────────────
  [
    'a file that is not there',
    () => faultOf(built('FROM scratch\n\nCOPY nope /x')),
    'Dockerfile: line 3: COPY: nope: no such file or directory',
  ],
  [
    'a Dockerfile that is not there',
    () => faultOf(built('', {}, { dockerfile: 'x/Dockerfile' })),
    'x/Dockerfile: no such file or directory',
  ],
  [
    'a secret that is required',
    () => faultOf(built('FROM BASE\nRUN --mount=type=secret,id=tok,required x')),
    'Dockerfile: line 2: RUN: secret tok not found; pass a secret named tok in `secrets`',
  ],
  [
    'an owner that is not there',
    () => faultOf(built('FROM BASE\nCOPY --chown=ghost a.txt /', TEXTS)),
    'Dockerfile: line 2: COPY: unable to find user ghost: no matching entries in passwd file',
  ],
  [
    'of another stage, where it came up',
    () => faultOf(built('FROM BASE AS a\nRUN exit 3\nFROM BASE\nCOPY --from=a /x /')),
    'Dockerfile: line 2: RUN: exit code: 3',
  ],
  [
    'an ssh agent',
    () =>
      errorOf(
        dag
          .directory()
          .dockerBuild({ ssh: dag.host().unixSocket('/agent') })
          .sync(),
      ),
    refusal('not in the embedded engine: Host.unixSocket'),
  ],
];
testRows(rows);

test('a command that fails says what it said', async () => {
  const { name, exitCode, stdout, stderr } = await failure(
    (await built('FROM BASE\nRUN echo out; echo err >&2; exit 7')).sync(),
  );
  expect({ name, exitCode, stdout, stderr }).toEqual({ name: 'ExecError', exitCode: 7, stdout: 'out', stderr: 'err' });
});

test('ADD unpacks archives, and nothing else', async () => {
  const folder = await t.host({ 'in/a': 'A', 'in/b/c': 'C', 'plain.gz': 'no archive' });
  for (const [name, flag] of Object.entries({ 'a.tar': '', 'a.tar.gz': 'z', 'a.tar.xz': 'J' }))
    execFileSync('tar', [`-c${flag}f`, join(folder, name), '-C', join(folder, 'in'), '.']);
  execFileSync('gzip', ['-k', join(folder, 'in/a')]);
  const dockerfile =
    'FROM scratch\nADD a.tar /x/tar/\nADD a.tar.gz /x/gz\nADD --chown=5:6 a.tar.xz /x/xz/\nADD in/a.gz plain.gz /x/\nADD --unpack=false a.tar /x/y.tar\nCOPY a.tar /x/z.tar\n';
  const container = dag.host().directory(folder).withNewFile('Dockerfile', dockerfile).dockerBuild();
  const found = await container.directory('/x').glob('**/*');
  const unpacked = ['gz', 'tar', 'xz'].flatMap((name) => [`${name}/a`, `${name}/a.gz`, `${name}/b/c`]);
  expect(found.filter((path) => !path.endsWith('/')).sort()).toEqual(
    ['a.gz', ...unpacked, 'plain.gz', 'y.tar', 'z.tar'].filter((path) => !/^(gz|tar|xz)\/a\.gz$/.test(path)).sort(),
  );
  expect(await container.file('/x/xz/b/c').contents()).toBe('C');
});

test('an archive that ADD unpacks stays in its folder', async () => {
  const folder = await t.host({ outside: 'x', 'in/a': 'A' });
  const tar = (...args: string[]) => execFileSync('tar', args, { cwd: join(folder, 'in') });
  tar('-cPf', 'climbs.tar', '../outside');
  symlinkSync('/etc', join(folder, 'in/link'));
  tar('-cf', 'link.tar', 'link');
  tar('-rf', 'link.tar', '--transform', 's,^a$,link/a,', 'a');
  const added = async (name: string) =>
    dag.host().directory(folder).withNewFile('Dockerfile', `FROM scratch\nADD in/${name} /x/\n`).dockerBuild();
  expect(await faultOf(added('climbs.tar'))).toBe(
    'Dockerfile: line 2: ADD: the layer holds a path that climbs: ../outside',
  );
  expect(await paths(added('link.tar'), '/')).toEqual(['x/etc/a', 'x/link']);
});

test('the image that is exported says what the Dockerfile does', async () => {
  const container = await built(
    'FROM BASE\nHEALTHCHECK --interval=5s --retries=2 CMD ["true"]\nSTOPSIGNAL SIGINT\nVOLUME /v\nEXPOSE 80\nSHELL ["/bin/sh", "-ec"]\nONBUILD RUN x\nCMD a b\n',
  );
  const folder = await t.host({});
  await container.export(join(folder, 'image.tar'));
  execFileSync('tar', ['-xf', 'image.tar'], { cwd: folder });
  const blob = (digest: string) => JSON.parse(readFileSync(join(folder, 'blobs', digest.replace(':', '/')), 'utf8'));
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
  expect(blob(blob(index.manifests[0].digest).config.digest).config).toMatchObject({
    Healthcheck: { Test: ['CMD', 'true'], Interval: 5e9, Retries: 2 },
    StopSignal: 'SIGINT',
    Volumes: { '/v': {} },
    ExposedPorts: { '80/tcp': {} },
    Shell: ['/bin/sh', '-ec'],
    OnBuild: ['RUN x'],
    Cmd: ['/bin/sh', '-ec', 'a b'],
    Labels: { base: 'busybox' },
  });
});
