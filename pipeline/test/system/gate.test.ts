// The gate with the real Syft and Trivy on a really built image: what passes, what fails, and what nobody may call passed.
import { createHash } from 'node:crypto';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import type { VerdictRecord } from '../../src/core/gate/verdict.ts';
import type { RunResult, StageResult } from '../../src/core/model.ts';
import { startRegistry } from '../oci/registry-server.ts';
import { databaseArtifact } from '../oci/vulnerabilities.ts';
import { type Dependency, putGreeter } from './greeter.ts';
import { endingsOf } from './replaying.ts';
import {
  add,
  ci,
  command,
  commitAll,
  copyOfRepository,
  edit,
  environment,
  type Ran,
  ROOT,
  resultOf,
  temporaryFolder,
} from './support.ts';

const DATABASE = ['--vuln-db', join(ROOT, 'pipeline/test/fixtures/vuln-db')];
const OLD: Dependency = {
  name: 'lodash',
  version: '4.17.4',
  integrity: 'sha512-6X37Sq9KCpLSXEh8uM12AKYlviHPNNk4RxiGBn4cmKGJinbXBneWIV7iE/nXkM928O7ytHcHb6+X6Svl0f4hXg==',
};
const MENDED: Dependency = {
  name: 'lodash',
  version: '4.17.21',
  integrity: 'sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vE1krgXZNrsQ+LFTGHVxVjcXPs17LhbZVGedAJv8XZ1tvj5FvSg==',
};

/** Without what nothing here looks at: each change here scans anew. */
let repository: string;
let policy: string;
beforeAll(async () => {
  repository = await copyOfRepository('gated');
  policy = await trustingPolicy(repository);
  await rm(join(repository, 'monitoring'), { recursive: true });
});
beforeEach(async () => {
  await putGreeter(repository);
  await writeFile(join(repository, 'policy/gate.yaml'), policy);
  await commitAll(repository, 'As it was');
});

/** A policy that vouches for the small database of the tests, whose advisories are real, but few and old. */
async function trustingPolicy(from: string): Promise<string> {
  const bytes = await readFile(join(ROOT, 'pipeline/test/fixtures/vuln-db/trivy.db'));
  const hash = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  return (await readFile(join(from, 'policy/gate.yaml'), 'utf8'))
    .replace(/maxAgeDays: \d+/, 'maxAgeDays: 36500')
    .replace('listed: []', `listed: [${hash}]`)
    .replace(/npm: \d+/, 'npm: 1')
    .replace(/debian: \d+/, 'debian: 1');
}

/** The policy with the findings of the old package accepted until a day. */
const accepting = (until: string) =>
  policy.replace(
    'exceptions: []',
    `exceptions:\n${['CVE-2019-10744', 'CVE-2021-23337'].map((id) => `  - {id: ${id}, reason: a test, owner: us, until: ${until}}\n`).join('')}`,
  );

const stageOf = (run: RunResult, name: string): StageResult | undefined =>
  run.stages.find((stage) => stage.name === name);
const recordOf = async ({ output }: Pick<Ran, 'output'>): Promise<VerdictRecord> =>
  JSON.parse(await readFile(join(output, 'verdict.json'), 'utf8')) as VerdictRecord;

describe('a run that is evaluated', () => {
  test('passes when nothing counts; bait is found, and scanners were confined', async () => {
    const run = await ci(repository, ['gate', ...DATABASE, '--strict']);
    expect(run.exitCode, run.stdout).toBe(0);
    const verdict = await readFile(join(run.output, 'verdict.json'), 'utf8');
    const result = resultOf(run);
    expect(stageOf(result, 'gate')).toMatchObject({ status: 'passed', reason: expect.stringMatching(/finding/) });
    const { inputs } = await recordOf(run);
    expect(inputs.bait).toMatchObject({ missed: [] });
    expect(inputs.bait?.put).toEqual(
      expect.arrayContaining(['Debian 13 openssl 1.0.1e-2', 'a GitHub token', 'an AWS key in a test']),
    );
    const scans = result.stages.flatMap(({ steps }) => steps).filter(({ name }) => /^(syft|trivy)-/.test(name));
    expect(scans.map(({ name }) => name).sort()).toEqual([
      'syft-image',
      'syft-source',
      'trivy-bait',
      'trivy-image',
      'trivy-source',
    ]);
    for (const { name, confinement } of scans) {
      const expected = { interfaces: [], capabilities: '0', noNewPrivileges: true, writable: [], sockets: [] };
      expect(confinement, name).toMatchObject(expected);
    }

    const again = await ci(repository, ['gate', ...DATABASE, '--strict']);
    const steps = resultOf(again).stages.flatMap((stage) => stage.steps);
    expect(steps.filter(({ cached }) => !cached).map(({ name }) => name)).toEqual([]);
    expect(await readFile(join(again.output, 'verdict.json'), 'utf8')).toBe(verdict);
  });

  test('fails on a real CVE in the image, says where it comes from, and passes when it is fixed', async () => {
    await putGreeter(repository, OLD);
    const run = await ci(repository, ['gate', ...DATABASE]);
    expect(run.exitCode, run.stdout).toBe(1);
    expect(run.stdout).toMatch(
      /^gate failed\n {2}2 vulnerabilities: CVE-2019-10744 in lodash 4\.17\.4, CVE-2021-23337/m,
    );
    expect(run.stdout).toMatch(/from service\/package-lock\.json:\d+; fixed in 4\.17\.12$/m);
    const row = (await readFile(join(run.output, 'summary.md'), 'utf8')).match(/^\| CRITICAL \|.*$/m)?.[0];
    expect(row).toContain('CVE-2019-10744');
    const sarif = JSON.parse(await readFile(join(run.output, 'scan.sarif'), 'utf8'));
    const [first] = sarif.runs[0].results;
    const { artifactLocation, region } = first.locations[0].physicalLocation;
    const lock = (await readFile(join(repository, 'service/package-lock.json'), 'utf8')).split('\n');
    expect([first.ruleId, artifactLocation.uri]).toEqual(['CVE-2019-10744', 'service/package-lock.json']);
    expect(lock[region.startLine - 1]).toContain('"node_modules/lodash"');
    expect(await readFile(join(run.output, 'annotations.txt'), 'utf8')).toContain(
      `::error file=service/package-lock.json,line=${region.startLine},title=CVE-2019-10744 in lodash 4.17.4::CRITICAL `,
    );
    const before = join(await temporaryFolder('before'), 'verdict.json');
    await cp(join(run.output, 'verdict.json'), before);
    const capsule = join(run.output, 'capsule-gate.tar');
    const again = await endingsOf(repository, [capsule]);
    expect(again.endings.map(({ stage, outcome }) => [stage, outcome])).toEqual([['gate', 'same']]);
    expect(again.exitCode).toBe(0);
    await writeFile(join(repository, 'policy/gate.yaml'), accepting('2999-12-31'));
    const accepted = await endingsOf(repository, [capsule, '--with', '.']);
    expect(accepted.endings.map(({ now, status }) => [now, status])).toEqual([[null, 'passed']]);
    expect(accepted.exitCode).toBe(0);
    await writeFile(join(repository, 'policy/gate.yaml'), policy);

    await putGreeter(repository, MENDED);
    const fixed = await ci(repository, ['gate', ...DATABASE]);
    expect(fixed.exitCode, fixed.stdout).toBe(0);
    const [program, words] = command(['explain', '--before', before]);
    const explained = await $({ cwd: repository, env: environment() })`${program} ${words}`;
    expect(explained.stdout).toMatch(/^failed on .* → passed on .*: moved by: code$/m);
  });

  test('fails on a secret that somebody left in the source', async () => {
    // Put together here: in one piece, it would be found in this file.
    await add(repository, { 'settings.env.txt': `token = ${['ghp', 'A1b2C3d4'.repeat(5).slice(0, 36)].join('_')}\n` });
    const run = await ci(repository, ['gate', ...DATABASE]);
    expect(run.exitCode, run.stdout).toBe(1);
    expect(run.stdout).toMatch(/1 secret: github-pat in settings\.env\.txt:1/);
    expect(await readFile(join(run.output, 'scan.json'), 'utf8')).not.toContain('A1b2C3d4A1b2C3d4');
    await rm(join(repository, 'settings.env.txt'));
  });

  test('no comment in the source makes the scanner look away, and no place is too humble for a secret', async () => {
    const token = `token = ${['ghp', 'A1b2C3d4'.repeat(5).slice(0, 36)].join('_')}\n`;
    const left = {
      'infra/main.tf': `#${['trivy', 'ignore', '*'].join(':')}\nresource "aws_s3_bucket" "a" {\n  bucket = "a"\n}\n`,
      'service/test/vendor/keys.ts': `export const key = '${['AKIA', 'Q7ZK2MXW4RTN6BVH'].join('')}';\n`,
      'service/hidden/.gitignore': '*\n',
    };
    const humble = [
      ...[
        'docs/test/example.md',
        'docs/picture.png',
        'tools/yarn.lock',
        'tools/node_modules/a/a.js',
        'tools/dist/a.js',
      ],
      ...['dev/a.txt', 'proc/a.txt', 'sys/a.txt', '.env.example', 'service/hidden/a.ts'],
    ];
    await add(repository, { ...left, ...Object.fromEntries(humble.map((path) => [path, token])) });
    await writeFile(join(repository, 'docs/notes.txt'), Buffer.from(token, 'utf16le'));
    await $({ cwd: repository })`git add --force ${humble}`;
    await commitAll(repository, 'Hidden');
    const run = await ci(repository, ['gate', ...DATABASE]);
    await $({ cwd: repository })`git reset --quiet --hard HEAD~1`;
    expect(run.exitCode, run.stdout).toBe(1);
    const { blocking = [] } = resultOf(run).gate ?? {};
    const places = blocking.map(({ id, place }) => `${id} in ${place?.file}`);
    for (const path of [...humble, 'docs/notes.txt']) expect(places).toContain(`github-pat in ${path}`);
    expect(places).toContain('aws-access-key-id-in-quotes in service/test/vendor/keys.ts');
    expect(places).toContainEqual(
      expect.stringMatching(/^AWS-\d+ in infra\/main\.tf$|^AVD-AWS-\d+ in infra\/main\.tf$/),
    );
    expect(run.stdout).toContain('1 comment tells the scanner to look away, and was ignored it');
    expect(run.stdout).toContain('infra/main.tf:1');
  });

  test('an accepted finding passes until its last day; a verdict replays to the same bytes', async () => {
    await putGreeter(repository, OLD);
    await writeFile(join(repository, 'policy/gate.yaml'), accepting('2999-12-31'));
    const run = await ci(repository, ['gate', ...DATABASE]);
    expect(run.exitCode, run.stdout).toBe(0);
    const bytes = await readFile(join(run.output, 'verdict.json'), 'utf8');
    const replayed = await ci(repository, ['gate', '--replay', 'out/verdict.json']);
    expect(replayed.exitCode, replayed.stdout).toBe(0);
    expect(await readFile(join(replayed.output, 'verdict.json'), 'utf8')).toBe(bytes);

    await writeFile(join(repository, 'policy/gate.yaml'), accepting('2020-01-31'));
    const late = await ci(repository, ['gate', ...DATABASE]);
    expect(late.exitCode, late.stdout).toBe(1);
    expect(late.stdout).toMatch(/the exception for CVE-2019-10744 \(line \d+ of the policy, us\) ended on 2020-01-31/);
  });

  test('a pull request cannot accept its own findings', async () => {
    await putGreeter(repository, OLD);
    await edit(repository, 'policy/gate.yaml', (text) => text.replace('failAt: HIGH', 'failAt: CRITICAL'));
    await add(repository, {
      'policy/vex/own.json':
        '{"@context":"https://openvex.dev/ns/v0.2.0","@id":"a","author":"b","timestamp":"2026-01-01T00:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-2019-10744"},"products":[{"@id":"pkg:npm/lodash"}],"status":"not_affected","impact_statement":"we say so"}]}',
    });
    const run = await ci(repository, ['gate', ...DATABASE, '--base', 'main']);
    await rm(join(repository, 'policy/vex/own.json'));
    expect(run.exitCode, run.stdout).toBe(1);
    expect(run.stdout).toMatch(/2 vulnerabilities/);
    const summary = await readFile(join(run.output, 'summary.md'), 'utf8');
    expect(summary).toMatch(/this change decides otherwise in policy\/gate\.yaml/);
    expect(summary).toMatch(/this change decides otherwise in policy\/vex\/own\.json/);
  });
});

test('a database of a registry: downloaded once for its digest, and remembered when the registry is gone', async () => {
  const artifact = await databaseArtifact();
  const registry = await startRegistry(artifact);
  const args = ['gate', '--vuln-db-ref', `${registry.host}/aquasecurity/trivy-db:2`];
  const run = await ci(repository, args);
  expect(run.exitCode, run.stdout).toBe(0);
  const { database } = (await recordOf(run)).inputs;
  expect(database).toMatchObject({ digest: artifact.digest, origin: 'listed' });

  await registry.stop();
  const again = await ci(repository, args);
  expect(again.exitCode, again.stdout).toBe(0);
  expect((await recordOf(again)).inputs.database).toEqual(database);
  expect(again.stdout).toMatch(/scan: no registry answered: the database remembered from 20\d\d-\S+Z is used/);
  const ran = resultOf(again).stages.flatMap(({ steps }) => steps.filter(({ cached }) => !cached));
  expect(ran.map(({ name }) => name)).toEqual(['database-lookup']);
});

describe('a run that cannot be evaluated', () => {
  const rows: [name: string, args: string[], exitCode: number, says: RegExp][] = [
    [
      'no database',
      ['--vuln-db-ref', 'registry.invalid/trivy-db:2'],
      0,
      /^NOT EVALUATED gate .*no vulnerability database/m,
    ],
    [
      'no database, strict',
      ['--vuln-db-ref', 'registry.invalid/trivy-db:2', '--strict'],
      1,
      /^failed in .*not all was evaluated/m,
    ],
  ];
  for (const [name, args, exitCode, says] of rows) {
    test(name, async () => {
      const run = await ci(repository, ['gate', ...args]);
      expect(run.exitCode, run.stdout).toBe(exitCode);
      expect(run.stdout).toMatch(says);
      expect((await recordOf(run)).verdict.status).toBe('not evaluated');
    });
  }

  test('a database that nobody vouches for, but in a rehearsal', async () => {
    await edit(repository, 'policy/gate.yaml', (text) => text.replace(/listed: \[.*\]/, 'listed: []'));
    const run = await ci(repository, ['gate', ...DATABASE]);
    expect([run.exitCode, stageOf(resultOf(run), 'gate')?.status]).toEqual([0, 'not evaluated']);
    const rehearsal = await ci(repository, ['gate', ...DATABASE, '--rehearsal', '--strict']);
    expect([rehearsal.exitCode, stageOf(resultOf(rehearsal), 'gate')?.status]).toEqual([0, 'passed']);
  });
});

describe('wrong input', () => {
  test('a typo in the policy: file, line, what was meant; and nothing was built', async () => {
    await edit(repository, 'policy/gate.yaml', (text) => text.replace('failAt:', 'failat:'));
    const run = await ci(repository, ['gate', ...DATABASE]);
    expect(run.exitCode).toBe(2);
    expect(run.stdout).toMatch(/^error: policy\/gate\.yaml:\d+: there is no "failat"; did you mean failAt\?$/m);
    expect(stageOf(resultOf(run), 'build')?.status).toBe('skipped');
  });

  test('an image archive that is none', async () => {
    const file = join(await temporaryFolder('archive'), 'not.tar');
    await writeFile(file, 'this is no archive');
    const run = await ci(repository, ['scan', ...DATABASE, '--image', file]);
    expect(run.exitCode).toBe(2);
    expect(run.stdout).toMatch(/^error: what --image names is not an OCI archive: /m);
    expect(await readFile(file, 'utf8')).toBe('this is no archive');
  });

  test('a database that is none has failed, and is not missing', async () => {
    const folder = await temporaryFolder('database');
    await writeFile(join(folder, 'trivy.db'), 'not a database');
    await writeFile(
      join(folder, 'metadata.json'),
      '{"Version":2,"UpdatedAt":"2026-11-01T00:00:00Z","NextUpdate":"2026-11-02T00:00:00Z"}',
    );
    const run = await ci(repository, ['gate', '--vuln-db', folder]);
    expect(run.exitCode).toBe(1);
    expect(stageOf(resultOf(run), 'scan')?.status).toBe('failed');
  });
});

test('an image that was built before is scanned as it is, and stays', async () => {
  const built = await ci(repository, ['build']);
  expect(built.exitCode, built.stdout).toBe(0);
  const { digest } = resultOf(built).image ?? {};
  const run = await ci(repository, ['gate', ...DATABASE, '--image', 'out/image.tar']);
  expect(run.exitCode, run.stdout).toBe(0);
  expect((await recordOf(run)).inputs.image?.digest).toBe(digest);
  expect(JSON.parse(await readFile(join(run.output, 'sbom.cdx.json'), 'utf8')).metadata.component.version).toBe(digest);
  expect((await readFile(join(run.output, 'image.tar'))).byteLength).toBeGreaterThan(1000);
});
