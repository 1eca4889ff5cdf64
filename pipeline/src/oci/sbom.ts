// Makes Syft's documents equal for equal things: no clock, no random names, everything in order, and the subject's digest in them.
//
//   node sbom.ts --in DIR --out DIR --subject NAME [--digest sha256:…]
//
// DIR holds sbom.spdx.json and sbom.cdx.json. Beside them goes ecosystems.json: which kinds of packages the subject holds.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { reasonOf } from './errors.ts';
import { downloadLocation, extractedLicences } from './spdx-values.ts';

type Json = Record<string, unknown>;

/** What the documents are about. `digest` is the image's; a source tree has none. */
export type Subject = { name: string; digest: string | null };

/** The start of 1970: a document says what is in a thing, not when somebody looked. */
const NO_TIME = '1970-01-01T00:00:00Z';

export const SPDX_FILE = 'sbom.spdx.json';
export const CYCLONEDX_FILE = 'sbom.cdx.json';
export const ECOSYSTEMS_FILE = 'ecosystems.json';

// ------------------------------------------------------------------------------------------------ SPDX

export function normaliseSpdx(raw: Json, subject: Subject): Json {
  if (typeof raw.spdxVersion !== 'string') throw new Error('this is no SPDX document: it has no spdxVersion');
  const packages = listOf(raw.packages);
  const relationships = listOf(raw.relationships);
  const root = rootOf(raw, relationships);
  // Else the subject's digest would silently be in no document.
  if (!packages.some(({ SPDXID }) => SPDXID === root))
    throw new Error('the SPDX document does not say what it is about');
  const extracted = extractedLicences(raw);
  const licences = extracted.length === 0 ? {} : { hasExtractedLicensingInfos: sorted(extracted, 'licenseId') };
  const document: Json = {
    ...raw,
    name: subject.name,
    documentNamespace: '',
    creationInfo: { ...(raw.creationInfo as Json), created: NO_TIME },
    packages: sorted(
      packages
        .map((entry): Json => ({ ...entry, downloadLocation: downloadLocation(entry.downloadLocation) }))
        .map((entry) => (entry.SPDXID === root ? describeSpdx(entry, subject) : entry)),
      'SPDXID',
    ),
    ...inOrder(raw, 'files', 'SPDXID'),
    ...licences,
    relationships: sorted(relationships, 'spdxElementId', 'relationshipType', 'relatedSpdxElement'),
  };
  return { ...document, documentNamespace: `https://spdx.org/spdxdocs/${subject.name}-${uuidOf(document)}` };
}

/** The package that the document is about. */
function rootOf(raw: Json, relationships: readonly Json[]): unknown {
  const described = relationships.find(({ relationshipType }) => relationshipType === 'DESCRIBES');
  return described?.relatedSpdxElement ?? (Array.isArray(raw.documentDescribes) ? raw.documentDescribes[0] : undefined);
}

function describeSpdx(entry: Json, { name, digest }: Subject): Json {
  if (digest === null) return { ...entry, name };
  const checksums = [{ algorithm: 'SHA256', checksumValue: digest.replace('sha256:', '') }];
  const reference = {
    referenceCategory: 'PACKAGE-MANAGER',
    referenceType: 'purl',
    referenceLocator: purlOf(name, digest),
  };
  return { ...entry, name, versionInfo: digest, checksums, externalRefs: [reference] };
}

// ------------------------------------------------------------------------------------------------ CycloneDX

export function normaliseCycloneDx(raw: Json, subject: Subject): Json {
  if (raw.bomFormat !== 'CycloneDX') throw new Error('this is no CycloneDX document: it has no bomFormat');
  const metadata = (raw.metadata ?? {}) as Json;
  const { serialNumber: _random, ...rest } = raw;
  const document: Json = {
    ...rest,
    metadata: {
      ...metadata,
      timestamp: NO_TIME,
      component: describeCycloneDx((metadata.component ?? {}) as Json, subject),
    },
    components: sorted(listOf(raw.components), 'bom-ref', 'type', 'name'),
    ...inOrder(
      { dependencies: raw.dependencies && listOf(raw.dependencies).map(dependsInOrder) },
      'dependencies',
      'ref',
    ),
  };
  return { ...document, serialNumber: `urn:uuid:${uuidOf(document)}` };
}

function describeCycloneDx(component: Json, { name, digest }: Subject): Json {
  if (digest === null) return { ...component, name };
  const hashes = [{ alg: 'SHA-256', content: digest.replace('sha256:', '') }];
  return { ...component, type: 'container', name, version: digest, purl: purlOf(name, digest), hashes };
}

function dependsInOrder(dependency: Json): Json {
  const { dependsOn } = dependency;
  return Array.isArray(dependsOn) ? { ...dependency, dependsOn: [...dependsOn].sort() } : dependency;
}

function purlOf(name: string, digest: string): string {
  return `pkg:oci/${encodeURIComponent(name.split('/').at(-1) ?? name)}@${encodeURIComponent(digest)}`;
}

// ------------------------------------------------------------------------------------------------ both

/** By content, so that the same document has the same name (RFC 9562, version 8). */
function uuidOf(document: Json): string {
  const hex = createHash('sha256').update(JSON.stringify(document)).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20, 32)}`;
}

function listOf(value: unknown): Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}

/** That list of a document, sorted; nothing where there is none. */
function inOrder(raw: Json, list: string, key: string): Json {
  return raw[list] === undefined ? {} : { [list]: sorted(listOf(raw[list]), key) };
}

function sorted(entries: readonly Json[], ...keys: string[]): Json[] {
  const nameOf = (entry: Json) => [...keys.map((key) => String(entry[key] ?? '')), JSON.stringify(entry)].join('\0');
  return entries
    .map((entry) => ({ entry, name: nameOf(entry) }))
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)))
    .map(({ entry }) => entry);
}

/** `npm`, `debian 13`, …: ecosystems by the names under which vulnerability databases keep their advisories. */
export function ecosystemsOf(cyclonedx: Json): string[] {
  const found = listOf(cyclonedx.components).flatMap(({ purl }) => ecosystemOf(String(purl ?? '')) ?? []);
  return [...new Set(found)].sort();
}

/** By the package URL's type. What is not here goes by the type's own name: no advisories are known for it, and that is said. */
const ECOSYSTEMS: ReadonlyMap<string, string> = new Map([
  ['pypi', 'pip'],
  ['golang', 'go'],
  ['gem', 'rubygems'],
]);

/** Names of things that no vulnerability database keeps advisories by. */
const NOT_ECOSYSTEMS: ReadonlySet<string> = new Set(['generic', 'oci', 'docker', 'github']);

function ecosystemOf(purl: string): string | undefined {
  const [, type, namespace = ''] = /^pkg:([a-z][a-z0-9.+-]*)\/([^/@?]*)/.exec(purl) ?? [];
  if (type === undefined || NOT_ECOSYSTEMS.has(type)) return undefined;
  if (type !== 'deb' && type !== 'apk' && type !== 'rpm') return ECOSYSTEMS.get(type) ?? type;
  const [, distribution = namespace, release] = /[?&]distro=([a-z]+)-?([\d.]+)?/.exec(purl) ?? [];
  return release === undefined ? distribution : `${distribution} ${shortRelease(distribution, release)}`;
}

/** `debian 13`, but `alpine 3.20` and `ubuntu 24.04`: as far as each distribution's releases are told apart. */
function shortRelease(distribution: string, release: string): string {
  const parts = distribution === 'alpine' || distribution === 'ubuntu' ? 2 : 1;
  return release.split('.').slice(0, parts).join('.');
}

// ------------------------------------------------------------------------------------------------ program

function main(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      in: { type: 'string' },
      out: { type: 'string' },
      subject: { type: 'string' },
      digest: { type: 'string' },
    },
  });
  const { in: from, out: to, subject: name } = values;
  if (from === undefined || to === undefined || name === undefined) {
    throw new Error('usage: node sbom.ts --in DIR --out DIR --subject NAME [--digest sha256:…]');
  }
  const subject = { name, digest: values.digest ?? null };
  const spdx = normaliseSpdx(read(join(from, SPDX_FILE)), subject);
  const cyclonedx = normaliseCycloneDx(read(join(from, CYCLONEDX_FILE)), subject);
  mkdirSync(to, { recursive: true });
  const documents = { [SPDX_FILE]: spdx, [CYCLONEDX_FILE]: cyclonedx, [ECOSYSTEMS_FILE]: ecosystemsOf(cyclonedx) };
  for (const [file, document] of Object.entries(documents))
    writeFileSync(join(to, file), `${JSON.stringify(document, null, 1)}\n`);
}

function read(path: string): Json {
  const document = parse(path, readFileSync(path, 'utf8'));
  if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document as Json;
  throw new Error(`${path} is not a document`);
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(text.trim() === '' ? `${path} is empty` : `${path} is not JSON`, { cause });
  }
}

// By name, not by import.meta: bundled into another program, this module is that program's file.
if (basename(process.argv[1] ?? '') === 'sbom.ts') {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`sbom: ${reasonOf(error)}\n`);
    process.exitCode = 1;
  }
}
