// What a Dagger session must make of Dockerfiles. Each starts from the base image, which a registry on loopback holds for the time of the case.
import type { Container, DirectoryDockerBuildOpts } from '@dagger.io/dagger';
import { readTarFile } from '../../../src/oci/tar.ts';
import { collect } from '../../oci/helpers.ts';
import { startRegistry } from '../../oci/registry-server.ts';
import { type Failure, sh, type Tools, tree } from '../sdk-session.ts';

/** The address of the base image. */
export async function baseImage({ archive }: Pick<Tools, 'archive'>): Promise<string> {
  const blobs = new Map<string, Buffer>();
  let index = { manifests: [{ digest: '' }] };
  for await (const { path, type, content } of readTarFile(archive)) {
    if (type !== 'file') continue;
    const bytes = await collect(content);
    if (path === 'index.json') index = JSON.parse(bytes.toString());
    else blobs.set(path.replace(/^blobs\/sha256\//, 'sha256:'), bytes);
  }
  const { host } = await startRegistry({ repository: 'base', tags: { 1: index.manifests[0]?.digest ?? '' }, blobs });
  return `${host}/base:1`;
}

/** A folder of files, built; `FROM BASE` means the base image. */
export async function build(
  t: Tools,
  dockerfile: string,
  files: Record<string, string> = {},
  options: DirectoryDockerBuildOpts = {},
): Promise<Container> {
  const text = /^FROM BASE/m.test(dockerfile)
    ? dockerfile.replaceAll(/^FROM BASE/gm, `FROM ${await baseImage(t)}`)
    : dockerfile;
  const folder = await t.host({ Dockerfile: text, ...files });
  return t.dag.host().directory(folder).dockerBuild(options);
}

const brief = ({ name, exitCode, stdout }: Failure) => ({ name, exitCode, stdout });

export const dockerCases: Record<string, (t: Tools) => Promise<unknown>> = {
  'docker/scratch-copy': async (t) =>
    (await build(t, 'FROM scratch\nCOPY a /x/a\n', { a: 'A' })).file('/x/a').contents(),
  'docker/run': async (t) => (await build(t, 'FROM BASE\nRUN echo hi > /x\n')).file('/x').contents(),
  'docker/arg-default': async (t) => (await build(t, 'FROM BASE\nARG A=one\nRUN echo $A > /x\n')).file('/x').contents(),
  'docker/arg-given': async (t) => {
    const options = { buildArgs: [{ name: 'A', value: 'two' }] };
    return (await build(t, 'FROM BASE\nARG A=one\nRUN echo $A > /x\n', {}, options)).file('/x').contents();
  },
  'docker/arg-is-no-env': async (t) => (await build(t, 'FROM BASE\nARG A=one\n')).withExec(sh('echo [$A]')).stdout(),
  'docker/env-expands': async (t) =>
    (await build(t, 'FROM BASE\nENV A=1 B="two words"\nENV C=${A}${B}-${D:-none}\n')).withExec(sh('echo $C')).stdout(),
  'docker/stages': async (t) =>
    (await build(t, 'FROM BASE AS one\nRUN echo 1 > /x\nFROM scratch\nCOPY --from=one /x /y\n')).file('/y').contents(),
  'docker/target': async (t) =>
    (await build(t, 'FROM BASE AS one\nRUN echo 1 > /x\nFROM one AS two\nRUN exit 9\n', {}, { target: 'one' }))
      .file('/x')
      .contents(),
  'docker/copy-owner-and-mode': async (t) =>
    (await build(t, 'FROM BASE\nCOPY --chown=app:app --chmod=640 a /a\n', { a: 'A' }))
      .withExec(sh("stat -c '%U %G %a' /a"))
      .stdout(),
  'docker/copy-folder': async (t) =>
    tree((await build(t, 'FROM scratch\nCOPY d /x/\n', { 'd/a': '', 'd/e/b': '' })).directory('/x')),
  'docker/copy-link-and-parents': async (t) =>
    (await build(t, '# syntax=docker/dockerfile:1\nFROM scratch\nCOPY --link a /x/a\n', { a: 'A' }))
      .directory('/x')
      .entries(),
  'docker/copy-missing': async (t) => brief(await t.failure((await build(t, 'FROM scratch\nCOPY nothing /\n')).sync())),
  'docker/ignore': async (t) => {
    const ignore = '*.log\nout\n!keep.log\n';
    const files = { '.dockerignore': ignore, 'a.log': '', 'keep.log': '', 'out/b': '', c: '' };
    return (await build(t, 'FROM scratch\nCOPY . /x\n', files)).directory('/x').entries();
  },
  'docker/config': async (t) => {
    const c = await build(
      t,
      'FROM BASE\nLABEL a=1 b="x y"\nUSER app\nWORKDIR /w\nWORKDIR sub\nEXPOSE 80 53/udp\nENTRYPOINT ["e", "1"]\nCMD ["c"]\nSTOPSIGNAL SIGINT\nVOLUME /v\n',
    );
    const labels = await Promise.all((await c.labels()).map(async (l) => `${await l.name()}=${await l.value()}`));
    const ports = await Promise.all(
      (await c.exposedPorts()).map(async (p) => `${await p.port()}/${await p.protocol()}`),
    );
    return [await c.user(), await c.workdir(), await c.entrypoint(), await c.defaultArgs(), labels.sort(), ports];
  },
  'docker/entrypoint-clears-cmd': async (t) => {
    const c = await build(t, 'FROM BASE\nENTRYPOINT ["x"]\n');
    return [await c.entrypoint(), await c.defaultArgs()];
  },
  'docker/heredoc': async (t) =>
    (await build(t, 'FROM BASE\nRUN <<E\necho 1 > /x\necho 2 >> /x\nE\nCOPY <<F /y\ntext $BASE\nF\n'))
      .withExec(['cat', '/x', '/y'])
      .stdout(),
  'docker/mount-cache': async (t) => {
    const cached = 'RUN --mount=type=cache,target=/c echo 1 > /c/f; ls /c > /x';
    return (await build(t, `FROM BASE\n${cached}\nRUN ls /c | wc -l > /y\n`)).withExec(['cat', '/x', '/y']).stdout();
  },
  'docker/mount-secret': async (t) => {
    const counted = 'RUN --mount=type=secret,id=tok wc -c < /run/secrets/tok > /x';
    const options = { secrets: [t.dag.setSecret('tok', 'abcdefgh')] };
    return (await build(t, `FROM BASE\n${counted}\n`, {}, options)).file('/x').contents();
  },
  'docker/failure': async (t) =>
    brief(await t.failure((await build(t, 'FROM BASE\nRUN echo out; echo err >&2; exit 7\n')).sync())),
  'docker/no-such-instruction': async (t) => (await t.failure((await build(t, 'FROM scratch\nFETCH x\n')).sync())).name,
  'docker/cached': async (t) => {
    const random = 'RUN head -c 8 /dev/urandom | od -An -tx1 > /x';
    const once = async () => (await build(t, `FROM BASE\n${random}\n`)).file('/x').contents();
    const [first, second] = [await once(), await once()];
    return first === second;
  },
  'docker/platform-arg': async (t) =>
    (await build(t, 'FROM BASE\nARG TARGETARCH\nARG TARGETOS\nRUN echo $TARGETOS/$TARGETARCH > /x\n'))
      .file('/x')
      .contents(),
};
