// The example in Python, as a repository of its own: lint to smoke by its own commands, findings and SBOM of Python packages, one digest from two
// caches, and the platform around it as around any service.
import { createHash } from 'node:crypto';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import { DATABASE, databasePath } from '../oci/vulnerabilities.ts';
import {
  ci,
  coldCache,
  commitAll,
  environment,
  foreignIn,
  ROOT,
  resultOf,
  temporaryFolder,
  whileEdited,
} from './support.ts';

const EXAMPLE = 'examples/fastapi';

/** The small database of the tests, as somebody would who has looked at it. */
const POLICY = `version: 1
database:
  maxAgeDays: 36500
  listed: ["sha256:${createHash('sha256')
    .update(readFileSync(databasePath('trivy.db')))
    .digest('hex')}"]
  leastAdvisories: { debian: 1 }
`;

async function copyExample(folder: string): Promise<void> {
  const { stdout } = await $({ cwd: ROOT })`git ls-files -z --cached --others --exclude-standard ${EXAMPLE}`;
  for (const path of stdout.split('\0').filter((name) => name !== ''))
    cpSync(join(ROOT, path), join(folder, path.replace(`${EXAMPLE}/`, '')));
}

let repository: string;

beforeAll(async () => {
  repository = await temporaryFolder('fastapi');
  await foreignIn(repository, { 'policy/gate.yaml': POLICY }, async (folder) => {
    await copyExample(folder);
    // What links to the tool is the test's.
    await $({ cwd: folder })`printf 'pipeline\n' >>.gitignore`.quiet();
  });
});

const rowsOf = (ran: { output: string }) =>
  resultOf(ran).smoke?.rows.map(({ name, status, detail }) => [name, status, detail] as const) ?? [];

describe('a service in another language', () => {
  test('is linted, tested, built, described, scanned and decided on', async () => {
    const ran = await ci(repository, ['ci', '--vuln-db', DATABASE]);
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    const { stages, standIns, image } = resultOf(ran);
    const held = stages.filter(({ status }) => status === 'passed').map(({ name }) => name);
    expect(held.sort()).toEqual(['build', 'gate', 'lint', 'sbom', 'scan', 'test']);
    const [suite] = stages.flatMap(({ suites }) => suites);
    expect(suite).toMatchObject({ name: 'fastapi', tests: { failed: 0, skipped: 0 } });
    expect(standIns.map((standIn) => standIn.image)).toContain('docker.io/library/python:3.13-slim');
    expect(image?.standIn, 'and is published nowhere').toBe(true);
    const { components } = JSON.parse(readFileSync(join(ran.output, 'sbom.cdx.json'), 'utf8'));
    const locked = readFileSync(join(repository, 'requirements.txt'), 'utf8').match(/^[\w-]+==\S+/gm) ?? [];
    const purls: string[] = components.map(({ purl }: { purl?: string }) => purl?.replace(/\?.*/, ''));
    expect(purls).toEqual(expect.arrayContaining(locked.map((pin) => `pkg:pypi/${pin.replace('==', '@')}`)));
    expect(
      purls.filter((purl) => /pypi\/(pytest|ruff)@/.test(purl)),
      'nothing that only develops it',
    ).toEqual([]);
  });

  test('is an image of the same digest from an empty cache', async () => {
    const ran = await ci(repository, ['build', '--output', 'out/cold'], await coldCache());
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    const digestOf = (output: string) => resultOf({ output: join(repository, output) }).image?.digest;
    expect(digestOf('out/cold')).toBe(digestOf('out'));
  });

  test('of a package with a known hole is stopped', async () => {
    const older = (text: string) =>
      text.replace(
        /^h11==.*\n(?: {4}--hash.*\n)+/m,
        'h11==0.14.0 --hash=sha256:e3fe4ac4b851c468cc8363d500db52c2ead036020723024a109d37346efaa761\n',
      );
    const ran = await whileEdited(repository, { 'requirements.txt': older }, () =>
      ci(repository, ['gate', '--vuln-db', DATABASE]),
    );
    expect(ran.exitCode, ran.stdout + ran.stderr).toBe(1);
    expect(ran.stdout).toMatch(/^gate failed\n {2}1 vulnerability: CVE-2025-43859 in h11 0\.14\.0/m);
    expect(ran.stdout).toMatch(/fixed in 0\.16\.0$/m);
    expect(ran.stdout).toContain('requirements.txt');
  });

  test('answers, and ends as it is told, deployed alone', async () => {
    const ran = await ci(repository, ['smoke']);
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    expect(rowsOf(ran)).toEqual([
      ['app is healthy', 'passed', '/health answers 200'],
      ['/ is answered', 'passed', '200'],
      ['/version says what was deployed', 'passed', expect.stringContaining(`digest ${resultOf(ran).image?.digest}`)],
      ['/metrics can be read', 'passed', expect.stringMatching(/^\d+ samples$/)],
      ['A request in flight is answered while the service ends', 'passed', 'HTTP/1.1 200 OK'],
      ['The service ends on SIGTERM', 'passed', 'exit code 143'],
      ['The service is healthy again', 'passed', '/health answers 200'],
    ]);
  });

  test('is served and watched by the platform, as it is', async () => {
    await $({ cwd: repository, env: environment() })`${process.execPath} pipeline/bin/drydock.mjs add platform`.quiet();
    await commitAll(repository, 'The platform');
    const ran = await ci(repository, ['smoke']);
    expect(ran.exitCode, `${ran.stdout}${ran.stderr}`).toBe(0);
    const rows = new Map(rowsOf(ran).map(([name, ...rest]) => [name, rest]));
    const passed = (detail: RegExp) => ['passed', expect.stringMatching(detail)];
    for (const path of ['/', '/health', '/version'])
      expect(rows.get(`${path} through nginx`)).toEqual(passed(/^200, application\/json/));
    expect(rows.get('Requests are in its data within two scrapes')).toEqual(passed(/^5 requests/));
    expect(rows.get('Every dashboard’s query answers')).toEqual(
      passed(/^31 queries; 3 not asked for: the service has no metrics nodejs_\*$/),
    );
    expect(rows.get('A restart loses no request but while there is no service')).toEqual(passed(/none cut off/));
    expect(rows.get('AppDown, resolved, is sent to webhook')).toEqual(passed(/job=app/));
    expect([...rows.values()].filter(([status]) => status === 'failed')).toEqual([]);
  });
});
