// Builds again what a reference claims: from the commit that is stated of it, in a folder of its own, and says what differs.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { commitOfBuild, isCommit, parseBundle } from '../src/core/delivery/bundle.ts';
import { EXIT, PipelineError, reasonOf } from '../src/core/errors.ts';
import { fieldsIn, recordOf } from '../src/core/record.ts';
import { asLines } from '../src/core/safe-text.ts';
import { type Attachment, attachments, BUNDLE, latestRecord, RELEASE } from '../src/oci/attach.ts';
import { differencesBetween } from '../src/oci/compare-images.ts';
import { describeArchive, openLayout } from '../src/oci/layout.ts';
import { pullToArchive } from '../src/oci/pull.ts';
import {
  dockerCredentials,
  formatReference,
  parseReference,
  type Reference,
  RegistryClient,
} from '../src/oci/registry.ts';
import type { ReproduceInvocation } from './arguments.ts';
import { readDockerConfig } from './docker-config.ts';
import { GIT } from './git-files.ts';
import { runStages } from './stages.ts';
import type { Terminal } from './terminal.ts';

/** Exit code 0 if the same image came of it, 1 if not. What is signed is `verify`'s business. */
export async function reproduce(invocation: ReproduceInvocation, root: string, terminal: Terminal): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-reproduce-'));
  try {
    const published = join(folder, 'published.tar');
    const { digest, commit, name } = await fetchClaim(parseReference(invocation.reference), published);
    const say = (...lines: string[]) => terminal.out.write(asLines(lines));
    say(`${name}: ${digest}, of commit ${commit}`);
    const rebuilt = await rebuild(invocation, { root, commit, folder, published, terminal });
    if (rebuilt === null) return EXIT.failed;
    const differences = await compare(published, rebuilt);
    if (differences.length === 0) say(`equal: ${commit} builds ${digest} here, too`);
    else say(...differences, `not equal: ${commit} builds ${(await describeArchive(rebuilt)).digest} here`);
    return differences.length === 0 ? EXIT.ok : EXIT.failed;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Claim = { name: string; digest: string; commit: string };

async function fetchClaim(reference: Reference, archive: string): Promise<Claim> {
  const config = readDockerConfig(process.env);
  const client = new RegistryClient({
    credentials: (registry) => (config === null ? undefined : dockerCredentials(config, registry)),
  });
  const { digest } = await client.manifest(reference);
  const commit = commitOf(await attachments(client, reference, digest, [BUNDLE, RELEASE]));
  const name = formatReference(reference);
  if (commit === undefined)
    throw new PipelineError(
      'BAD_RELEASE',
      `${name} does not say which commit it is of: the registry has neither provenance nor a release record of it`,
      'only what `cd` delivered can be built again',
    );
  await pullToArchive(client, { ...reference, digest }, archive);
  return { name, digest, commit };
}

/** As its provenance says it, else its release record. */
function commitOf(found: readonly Attachment[]): string | undefined {
  const stated = found.filter(({ type }) => type === BUNDLE).flatMap(({ bytes }) => parseBundle(String(bytes)) ?? []);
  const { commit } = recordOf(fieldsIn(String(latestRecord(found) ?? ''))?.source);
  return [...stated.map(commitOfBuild), commit].find(isCommit);
}

type Rebuild = { root: string; commit: string; folder: string; published: string; terminal: Terminal };

/** The archive; null where the build failed, as it has said. */
async function rebuild(
  { build }: ReproduceInvocation,
  { root, commit, folder, published, terminal }: Rebuild,
): Promise<string | null> {
  const output = join(folder, 'out');
  const platforms = (await describeArchive(published)).images.map(({ platform }) => platform);
  if (build.options.secrets.length > 0) checkOurs(root, commit);
  const source = checkOut(root, commit, join(folder, 'source'));
  const options = { ...build.options, output, platforms };
  return (await runStages({ ...build, options }, source, terminal)) === EXIT.ok ? join(output, 'image.tar') : null;
}

/** A registry names the commit, and its files say where secrets of an install go: it has to be one of the repository's own. */
function checkOurs(root: string, commit: string): void {
  const ours = ['for-each-ref', '--count=1', `--contains=${commit}`, 'refs/heads', 'refs/remotes', 'refs/tags'];
  const { stdout, status } = spawnSync('git', [...GIT, ...ours], { cwd: root, encoding: 'utf8' });
  if (status === 0 && stdout.trim() !== '') return;
  throw new PipelineError(
    'BAD_RELEASE',
    `commit ${commit} is on no branch and no tag here, and would get the secrets of the install`,
    'fetch the branch or tag that it was built from: git fetch --tags origin',
  );
}

/** A clone, which leaves nothing behind in the working copy; gives the folder in it that the root was. */
function checkOut(root: string, commit: string, to: string): string {
  const git = (...args: string[]) =>
    execFileSync('git', [...GIT, ...args], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  try {
    const top = git('rev-parse', '--show-toplevel');
    git('clone', '--quiet', '--no-checkout', top, to);
    git('-C', to, 'checkout', '--quiet', '--detach', commit);
    return join(to, relative(top, root));
  } catch (cause) {
    throw new PipelineError(
      'BAD_RELEASE',
      `commit ${commit} cannot be checked out here: ${reasonOf(cause).trim().split('\n').at(-1)}`,
      `go to a clone of the repository that has it: git fetch origin ${commit}`,
      { cause },
    );
  }
}

async function compare(published: string, rebuilt: string): Promise<string[]> {
  const [a, b] = [await openLayout(published), await openLayout(rebuilt)];
  try {
    return await differencesBetween(a, b);
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}
