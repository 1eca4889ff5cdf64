// Reads a Debian archive's package index, and trusts it only through the signature on its Release file.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bytesOf, fetchPaced, MOST } from '../../../src/oci/pace.ts';
import { decompress } from './deb.ts';
import { compareVersions, fieldOf, parseStanzas, type Stanza } from './deb822.ts';
import { AssembleError } from './errors.ts';
import type { DebianArchive, DebianPin } from './lock-file.ts';
import type { Registries, Source } from './registries.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

type IndexedPackage = { pin: DebianPin; stanza: Stanza };

export type SuiteIndex = {
  /** By name, the newest version of all archives. */
  packages: Map<string, IndexedPackage>;
  /** What was read: each suite and the date its Release file carries. */
  madeFrom: Record<string, string>;
};

/** The newest version of every package of a suite, its updates and its security updates. */
export async function readSuite(suite: string, architecture: string, registries: Registries): Promise<SuiteIndex> {
  const places: [DebianArchive, string][] = [
    ['debian', suite],
    ['debian', `${suite}-updates`],
    ['debian-security', `${suite}-security`],
  ];
  const packages = new Map<string, IndexedPackage>();
  const madeFrom: Record<string, string> = {};
  for (const [archive, name] of places) {
    const { release, source } = await readRelease(await registries.debian(archive), name);
    madeFrom[name] = fieldOf(release, 'Date');
    for (const stanza of await readPackages(release, source, architecture)) {
      const pin = toPin(stanza, archive);
      const known = packages.get(pin.name);
      if (known === undefined || compareVersions(known.pin.version, pin.version) < 0)
        packages.set(pin.name, { pin, stanza });
    }
  }
  return { packages, madeFrom };
}

function toPin(stanza: Stanza, archive: DebianArchive): DebianPin {
  return {
    name: fieldOf(stanza, 'Package'),
    version: fieldOf(stanza, 'Version'),
    architecture: fieldOf(stanza, 'Architecture'),
    archive,
    path: fieldOf(stanza, 'Filename'),
    size: Number(fieldOf(stanza, 'Size')),
    sha256: fieldOf(stanza, 'SHA256'),
  };
}

type Release = { release: Stanza; source: Source };

async function readRelease(mirrors: Source[], suite: string): Promise<Release> {
  for (const mirror of mirrors) {
    const source = { ...mirror, url: `${mirror.url}dists/${suite}/` };
    const bytes = await get(source, 'InRelease');
    if (bytes === undefined) continue;
    const [release] = parseStanzas(await verifiedText(bytes, suite));
    if (release === undefined || fieldOf(release, 'Codename') !== suite)
      throw untrusted(`the Release file of ${suite}`, 'is of another suite');
    return { release, source };
  }
  throw new AssembleError(
    'PACKAGE_UNREACHABLE',
    `no mirror has ${suite}`,
    'set DRYDOCK_DEBIAN_MIRROR to one that does',
  );
}

/** What gpgv itself took out of the signed file: text around the signature has no say. */
async function verifiedText(inRelease: Buffer, suite: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-release-'));
  try {
    const [signed, text] = [join(folder, 'InRelease'), join(folder, 'Release')];
    await writeFile(signed, inRelease);
    await promisify(execFile)('gpgv', ['--keyring', KEYRING, '--output', text, signed]);
    return await readFile(text, 'utf8');
  } catch (error) {
    throw untrusted(`the Release file of ${suite}`, "is not signed by a key of Debian's", error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Fetched by its hash, so that an update of the mirror between two requests does no harm. */
async function readPackages(release: Stanza, source: Source, architecture: string): Promise<Stanza[]> {
  const file = `main/binary-${architecture}/Packages.xz`; // the one form that every suite has
  const line = fieldOf(release, 'SHA256')
    .split('\n')
    .map((entry) => entry.trim().split(/\s+/))
    .find(([, , path]) => path === file);
  const hash = line?.[0];
  if (hash === undefined) throw untrusted(`the Release file of ${source.url}`, `does not list ${file}`);
  const byHash = `main/binary-${architecture}/by-hash/SHA256/${hash}`;
  const bytes = (await get(source, byHash)) ?? (await get(source, file));
  if (bytes === undefined || createHash('sha256').update(bytes).digest('hex') !== hash) {
    throw untrusted(`${file} of ${source.url}`, 'is not what the Release file says');
  }
  const parts: Buffer[] = [];
  for await (const part of decompress(bytes, 'xz', file)) parts.push(Buffer.from(part));
  return parseStanzas(Buffer.concat(parts).toString('utf8'));
}

async function get(source: Source, path: string): Promise<Buffer | undefined> {
  const response = await fetchPaced(`${source.url}${path}`, { headers: source.headers ?? {} });
  return response.ok ? await bytesOf(response, MOST.index) : undefined;
}

function untrusted(what: string, why: string, cause?: unknown): AssembleError {
  return new AssembleError('PIN_MISMATCH', `${what} ${why}`, 'try another mirror', { cause });
}
