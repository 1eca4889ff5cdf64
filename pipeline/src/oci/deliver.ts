// What delivery does at an image registry, as a program. The credentials come by REGISTRY_TOKEN; without it, nobody logs in.
//   node deliver.ts push    --repository ghcr.io/acme/app --archive image.tar --out pushed.json
//   node deliver.ts resolve --repository ghcr.io/acme/app --tag main --out tags.json
//   node deliver.ts tags    --repository ghcr.io/acme/app --out tags.json
//   node deliver.ts tag     --repository ghcr.io/acme/app --digest sha256:… --tag main --tag 1.2.3
//   node deliver.ts fetch   --repository ghcr.io/acme/app --digest sha256:… --archive image.tar
//   node deliver.ts attach  --repository ghcr.io/acme/app --digest sha256:… --bundles DIR --release release.json
//   node deliver.ts referrers --repository ghcr.io/acme/app --digest sha256:… --folder DIR
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Attachment, attach, attachments, BUNDLE, bundleOf, latestRecord, RELEASE } from './attach.ts';
import { OciError, reasonOf } from './errors.ts';
import { openLayout } from './layout.ts';
import { exitCodeOf, hide, runAsProgram } from './program.ts';
import { pullToArchive } from './pull.ts';
import { parsePin, parseReference, type Reference, RegistryClient } from './registry.ts';
import { withRights } from './rights.ts';
import { digestOfTag, moveTags, pushImage } from './upload.ts';

const USAGE =
  'node deliver.ts push|resolve|tags|tag|fetch|attach|referrers --repository REGISTRY/NAME [--username NAME] [--plain-http HOST:PORT] ' +
  '[--digest DIGEST] [--tag TAG]… [--archive FILE] [--bundles DIR] [--release FILE] [--folder DIR] [--out FILE]';

const OPTIONS = {
  repository: { type: 'string' },
  username: { type: 'string' },
  'plain-http': { type: 'string', multiple: true },
  archive: { type: 'string' },
  digest: { type: 'string' },
  tag: { type: 'string', multiple: true },
  bundles: { type: 'string' },
  release: { type: 'string' },
  folder: { type: 'string' },
  out: { type: 'string' },
} as const;

type Flags = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];
type Place = { client: RegistryClient; repository: Reference };

const COMMANDS: Record<string, (place: Place, flags: Flags) => Promise<void>> = {
  async push({ client, repository }, flags) {
    const source = await openLayout(wanted(flags, 'archive'));
    try {
      const pushed = await withRights(client, repository, () => pushImage(client, repository, source));
      // Not what we believe to have sent: what whoever deploys it will get.
      const served = await client.manifest({ ...repository, digest: pushed.digest });
      await writeJson(wanted(flags, 'out'), { ...pushed, served: served.digest });
    } finally {
      await source.close();
    }
  },
  async resolve({ client, repository }, flags) {
    const found = new Map<string, string | null>();
    for (const tag of wanted(flags, 'tag')) found.set(tag, await digestOfTag(client, repository, tag));
    await writeJson(wanted(flags, 'out'), Object.fromEntries(found));
  },
  async tags({ client, repository }, flags) {
    const listed = await client.tags(repository).catch((error: unknown) => {
      // Some list a repository only once it has a tag.
      if (error instanceof OciError && error.code === 'NOT_FOUND') return { names: [] };
      throw error;
    });
    await writeJson(wanted(flags, 'out'), listed.names);
  },
  async tag({ client, repository }, flags) {
    const { digest } = pinOf(repository, flags);
    await withRights(client, repository, () => moveTags(client, repository, digest, wanted(flags, 'tag')));
  },
  async fetch({ client, repository }, flags) {
    const archive = wanted(flags, 'archive');
    await mkdir(dirname(archive), { recursive: true });
    await pullToArchive(client, pinOf(repository, flags), archive);
  },
  async attach({ client, repository }, flags) {
    const { digest } = pinOf(repository, flags);
    const all = flags.bundles === undefined ? [] : await readBundles(flags.bundles);
    if (flags.release !== undefined) all.push({ type: RELEASE, bytes: await readFile(flags.release), annotations: {} });
    for (const attachment of all)
      await withRights(client, repository, () => attach(client, repository, digest, attachment));
  },
  async referrers({ client, repository }, flags) {
    const folder = wanted(flags, 'folder');
    await mkdir(folder, { recursive: true });
    const found = await attachments(client, repository, pinOf(repository, flags).digest, [BUNDLE, RELEASE]);
    const bundles = found.filter(({ type }) => type === BUNDLE);
    for (const [index, { bytes }] of bundles.entries()) await writeFile(join(folder, `${index}.sigstore.json`), bytes);
    const record = latestRecord(found);
    if (record !== undefined) await writeFile(join(folder, 'release.json'), record);
  },
};

export async function main([name = '', ...args]: string[]): Promise<number> {
  return await exitCodeOf(async () => {
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined) throw wrongUse(`${JSON.stringify(name)} is no command`);
    const flags = parseFlags(args);
    const repository = parseReference(wanted(flags, 'repository'));
    const password = process.env.REGISTRY_TOKEN ?? '';
    const username = flags.username || 'drydock';
    if (password !== '') hide(password, `${username}:${password}`);
    const client = new RegistryClient({
      plainHttp: flags['plain-http'] ?? [],
      credentials: (registry) =>
        password === '' || registry !== repository.registry ? undefined : { kind: 'password', username, password },
    });
    await command({ client, repository }, flags).catch((error: unknown) => {
      throw password === '' ? asNobody(error) : error;
    });
  });
}

/** Here nobody's `docker login` counts. */
function asNobody(error: unknown): unknown {
  if (!(error instanceof OciError) || error.code !== 'UNAUTHORIZED') return error;
  const hint = "name a token: --token env://NAME; unasked, GITHUB_TOKEN is given to GitHub's own registry only";
  return new OciError(error.code, error.message, hint, { cause: error });
}

async function readBundles(folder: string): Promise<Attachment[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  return await Promise.all(names.map(async (name) => bundleOf(await readFile(join(folder, name)))));
}

function pinOf(repository: Reference, flags: Flags): Reference & { digest: string } {
  return parsePin(`${repository.registry}/${repository.repository}@${wanted(flags, 'digest')}`);
}

function parseFlags(args: string[]): Flags {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (cause) {
    throw wrongUse(reasonOf(cause));
  }
}

function wanted<F extends keyof Flags>(flags: Flags, flag: F): NonNullable<Flags[F]> {
  const value = flags[flag];
  if (value === undefined) throw wrongUse(`--${flag} is missing`);
  return value;
}

function wrongUse(message: string): OciError {
  return new OciError('SPEC_INVALID', message, USAGE);
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

runAsProgram('deliver.ts', main);
