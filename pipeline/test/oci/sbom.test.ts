// SBOMs: two of Syft's documents of the same thing become the same bytes, with the subject's digest in them.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { ecosystemsOf, normaliseCycloneDx, normaliseSpdx, type Subject } from '../../src/oci/sbom.ts';
import { downloadLocation, extractedLicences } from '../../src/oci/spdx-values.ts';
import { TYPESCRIPT } from '../typescript.ts';

type Json = Record<string, unknown>;

const DIGEST = `sha256:${'1'.repeat(64)}`;
const IMAGE: Subject = { name: 'drydock-service', digest: DIGEST };
const SOURCE: Subject = { name: 'drydock-service-source', digest: null };

const FIXTURES = new URL('../fixtures/syft/', import.meta.url);
const recorded = (name: string) => JSON.parse(readFileSync(new URL(name, FIXTURES), 'utf8')) as Json;

/** Everything in it that has no order of its own, the other way round. */
function turned(document: Json): Json {
  const lists = ['packages', 'relationships', 'files', 'hasExtractedLicensingInfos', 'components', 'dependencies'];
  const turn = (value: unknown) => (Array.isArray(value) ? [...value].reverse() : value);
  const outside = Object.fromEntries(
    Object.entries(document).map(([key, value]) => [key, lists.includes(key) ? turn(value) : value]),
  );
  const dependencies = (outside.dependencies as Json[] | undefined)?.map((one) => ({
    ...one,
    dependsOn: turn(one.dependsOn),
  }));
  return dependencies === undefined ? outside : { ...outside, dependencies };
}

const formats = [
  ['spdx', normaliseSpdx],
  ['cdx', normaliseCycloneDx],
] as const;
const subjects = [
  ['image', IMAGE],
  ['source', SOURCE],
] as const;
for (const [format, normalise] of formats) {
  for (const [of, subject] of subjects) {
    test(`${format} of the ${of}: two runs make the same bytes, in whatever order`, () => {
      const [one, two] = [recorded(`${of}-1.${format}.json`), recorded(`${of}-2.${format}.json`)];
      expect(JSON.stringify(one)).not.toBe(JSON.stringify(two));
      const bytes = JSON.stringify(normalise(one, subject));
      expect(JSON.stringify(normalise(two, subject))).toBe(bytes);
      expect(JSON.stringify(normalise(turned(two), subject))).toBe(bytes);
    });

    test(`${format} of the ${of}: nothing of it is lost`, () => {
      const raw = recorded(`${of}-1.${format}.json`);
      const made = normalise(raw, subject);
      for (const list of ['packages', 'relationships', 'files', 'components', 'dependencies'])
        expect((made[list] as Json[] | undefined)?.length).toBe((raw[list] as Json[] | undefined)?.length);
    });
  }

  test(`${format}: another thing has another name`, () => {
    const nameOf = (document: Json) => document.documentNamespace ?? document.serialNumber;
    const [image, source] = [
      normalise(recorded(`image-1.${format}.json`), IMAGE),
      normalise(recorded(`source-1.${format}.json`), SOURCE),
    ];
    expect(nameOf(image)).toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(nameOf(image)).not.toBe(nameOf(source));
    expect(
      nameOf(normalise(recorded(`image-1.${format}.json`), { ...IMAGE, digest: `sha256:${'2'.repeat(64)}` })),
    ).not.toBe(nameOf(image));
  });
}

test('spdx: the image is the subject, by its digest', () => {
  const document = normaliseSpdx(recorded('image-1.spdx.json'), IMAGE);
  const [describes] = (document.relationships as Json[]).filter(
    ({ relationshipType }) => relationshipType === 'DESCRIBES',
  );
  const subject = (document.packages as Json[]).find(({ SPDXID }) => SPDXID === describes?.relatedSpdxElement);
  expect(document.name).toBe('drydock-service');
  expect(subject).toMatchObject({
    name: 'drydock-service',
    versionInfo: DIGEST,
    checksums: [{ algorithm: 'SHA256', checksumValue: '1'.repeat(64) }],
    externalRefs: [{ referenceType: 'purl', referenceLocator: `pkg:oci/drydock-service@sha256%3A${'1'.repeat(64)}` }],
  });
});

test('cyclonedx: the image is the subject, by its digest', () => {
  const { metadata } = normaliseCycloneDx(recorded('image-1.cdx.json'), IMAGE) as { metadata: Json };
  expect(metadata.component).toMatchObject({
    type: 'container',
    name: 'drydock-service',
    version: DIGEST,
    purl: `pkg:oci/drydock-service@sha256%3A${'1'.repeat(64)}`,
    hashes: [{ alg: 'SHA-256', content: '1'.repeat(64) }],
  });
});

test('cyclonedx: what a component depends on is in order', () => {
  const of = (...dependsOn: string[]) =>
    normaliseCycloneDx({ bomFormat: 'CycloneDX', dependencies: [{ ref: 'a', dependsOn }] }, IMAGE);
  expect(of('c', 'b')).toEqual(of('b', 'c'));
});

test('a source has a name and no digest', () => {
  const spdx = normaliseSpdx(recorded('source-1.spdx.json'), SOURCE);
  const { metadata } = normaliseCycloneDx(recorded('source-1.cdx.json'), SOURCE) as { metadata: { component: Json } };
  expect((spdx.packages as Json[]).filter(({ name }) => name === SOURCE.name).length).toBe(1);
  expect([metadata.component.name, metadata.component.version]).toEqual([SOURCE.name, undefined]);
});

const refused: [name: string, work: () => unknown, message: RegExp][] = [
  ['no SPDX', () => normaliseSpdx({}, IMAGE), /has no spdxVersion/],
  ['CycloneDX for SPDX', () => normaliseSpdx(recorded('image-1.cdx.json'), IMAGE), /has no spdxVersion/],
  ['SPDX for CycloneDX', () => normaliseCycloneDx(recorded('image-1.spdx.json'), IMAGE), /has no bomFormat/],
  [
    'SPDX about nothing',
    () => normaliseSpdx({ ...recorded('image-1.spdx.json'), relationships: [] }, IMAGE),
    /does not say what it is about/,
  ],
  [
    'SPDX about what is not in it',
    () => normaliseSpdx({ ...recorded('image-1.spdx.json'), packages: [] }, IMAGE),
    /does not say what it is about/,
  ],
];
for (const [name, work, message] of refused) test(`refused: ${name}`, () => expect(work).toThrow(message));

test('the ecosystems of the image', () =>
  expect(ecosystemsOf(recorded('image-1.cdx.json'))).toEqual(['debian 13', 'npm']));

const ecosystems: [purl: string | undefined, ecosystem: string[]][] = [
  ['pkg:npm/%40a/b@1', ['npm']],
  ['pkg:pypi/requests@2', ['pip']],
  ['pkg:golang/github.com/a/b@v1', ['go']],
  ['pkg:gem/rails@7', ['rubygems']],
  ['pkg:cargo/serde@1', ['cargo']],
  ['pkg:deb/debian/libc6@2?arch=amd64&distro=debian-13', ['debian 13']],
  ['pkg:deb/debian/libc6@2?distro=debian-12.9&arch=amd64', ['debian 12']],
  ['pkg:deb/ubuntu/libc6@2?distro=ubuntu-24.04', ['ubuntu 24.04']],
  ['pkg:deb/debian/libc6@2', ['debian']],
  ['pkg:apk/alpine/musl@1?distro=alpine-3.20.3', ['alpine 3.20']],
  ['pkg:rpm/redhat/bash@5?distro=rhel-9.4', ['rhel 9']],
  // What nobody has bait or advisories for is named, so that it is said.
  ['pkg:hex/phoenix@1', ['hex']],
  ['pkg:constructor/x@1', ['constructor']],
  ['pkg:generic/node@24', []],
  ['pkg:github/actions/checkout@v4', []],
  ['pkg:oci/x@sha256%3Aabc', []],
  ['', []],
  [undefined, []],
];
for (const [purl, expected] of ecosystems)
  test(`ecosystem of ${purl}`, () => expect(ecosystemsOf({ components: [{ purl }] })).toEqual(expected));

// ------------------------------------------------------------------------------------------------ the program

const PROGRAM = fileURLToPath(new URL('../../src/oci/sbom.ts', import.meta.url));

function folder(files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), 'drydock-sbom-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

const program = (...args: string[]) =>
  spawnSync(process.execPath, [...TYPESCRIPT, PROGRAM, ...args], { encoding: 'utf8' });
const documents = {
  'sbom.spdx.json': readFileSync(new URL('image-1.spdx.json', FIXTURES), 'utf8'),
  'sbom.cdx.json': readFileSync(new URL('image-1.cdx.json', FIXTURES), 'utf8'),
};

test('the program writes both documents and the ecosystems', () => {
  const out = folder({});
  const { status, stderr } = program(
    '--in',
    folder(documents),
    '--out',
    out,
    '--subject',
    'drydock-service',
    '--digest',
    DIGEST,
  );
  expect([status, stderr]).toEqual([0, '']);
  const text = (name: string) => readFileSync(join(out, name), 'utf8');
  expect(JSON.parse(text('sbom.spdx.json'))).toEqual(normaliseSpdx(recorded('image-1.spdx.json'), IMAGE));
  expect(JSON.parse(text('sbom.cdx.json'))).toEqual(normaliseCycloneDx(recorded('image-1.cdx.json'), IMAGE));
  expect(JSON.parse(text('ecosystems.json'))).toEqual(['debian 13', 'npm']);
});

const failures: [name: string, files: Record<string, string>, message: RegExp][] = [
  ['an empty document', { ...documents, 'sbom.cdx.json': '' }, /^sbom: .*sbom\.cdx\.json is empty$/m],
  ['a document cut off', { ...documents, 'sbom.spdx.json': '{"spdx' }, /^sbom: .*sbom\.spdx\.json is not JSON$/m],
  ['a list', { ...documents, 'sbom.spdx.json': '[]' }, /^sbom: .*sbom\.spdx\.json is not a document$/m],
  ['none', { 'sbom.cdx.json': documents['sbom.cdx.json'] }, /^sbom: ENOENT.*sbom\.spdx\.json/m],
];
for (const [name, files, message] of failures) {
  test(`the program fails: ${name}`, () => {
    const { status, stderr } = program('--in', folder(files), '--out', folder({}), '--subject', 'x');
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  });
}

test('the program says how it is used', () => expect(program().stderr).toMatch(/^sbom: usage: node sbom\.ts --in DIR/));

// docs.npmjs.com, package.json, `repository`; git-scm.com, git-clone, "GIT URLS"; SPDX 2.3, 7.7 "Package download location".
const locations: [given: unknown, location: string][] = [
  ['NOASSERTION', 'NOASSERTION'],
  ['NONE', 'NONE'],
  ['https://registry.example/express/-/express-4.17.1.tgz', 'https://registry.example/express/-/express-4.17.1.tgz'],
  ['git+https://github.com/acme/app.git@v1.0#src', 'git+https://github.com/acme/app.git@v1.0#src'],
  ['git://git.myproject.org/MyProject.git', 'git://git.myproject.org/MyProject.git'],
  ['git+ssh://git@git.myproject.org/MyProject.git', 'git+ssh://git@git.myproject.org/MyProject.git'],
  ['jshttp/accepts', 'git+https://github.com/jshttp/accepts.git'],
  ['github:watson/ci-info', 'git+https://github.com/watson/ci-info.git'],
  ['gitlab:user/repo', 'git+https://gitlab.com/user/repo.git'],
  ['bitbucket:user/repo', 'git+https://bitbucket.org/user/repo.git'],
  ['gist:11081aaa281a11081aaa281a', 'git+https://gist.github.com/11081aaa281a11081aaa281a.git'],
  ['git@github.com:siimon/prom-client.git', 'git+ssh://git@github.com/siimon/prom-client.git'],
  ['acme/app.git', 'git+https://github.com/acme/app.git'],
  ['https://example.org/a b', 'NOASSERTION'],
  ['file:///root/app', 'NOASSERTION'],
  ['../app', 'NOASSERTION'],
  ['a/b/c', 'NOASSERTION'],
  ['javascript:alert(1)', 'NOASSERTION'],
  ['', 'NOASSERTION'],
  [null, 'NOASSERTION'],
  [undefined, 'NOASSERTION'],
  [7, 'NOASSERTION'],
];
test.each(locations)('a package that is from %j', (given, location) => expect(downloadLocation(given)).toBe(location));

test('a licence that a document refers to is one that it holds, once', () => {
  const document = {
    packages: [
      { licenseDeclared: 'MIT AND LicenseRef-a.b' },
      { licenseDeclared: '(LicenseRef-a.b OR LicenseRef-held)' },
    ],
    hasExtractedLicensingInfos: [{ licenseId: 'LicenseRef-held', extractedText: 'As it is.' }],
    comment: 'DocumentRef-other:LicenseRef-theirs',
  };
  expect(extractedLicences(document)).toEqual([
    { licenseId: 'LicenseRef-held', extractedText: 'As it is.' },
    { licenseId: 'LicenseRef-a.b', name: 'a.b', extractedText: 'NOASSERTION' },
  ]);
});
