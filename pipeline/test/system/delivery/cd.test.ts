// Delivery for real: two releases to a registry on loopback, signed, verified with the network off, rolled back; and what must not ship.
import { existsSync } from 'node:fs';
import { cp, open, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { $ } from 'zx';
import { parseLock } from '../../../engine/images/assembled/lock-file.ts';
import cosignLock from '../../../engine/images/assembled/locks/cosign-debian13.json' with { type: 'json' };
import { parseRelease } from '../../../src/core/delivery/release.ts';
import { STATEMENTS } from '../../../src/core/delivery/statements.ts';
import type { RunResult, StageName } from '../../../src/core/model.ts';
import { describeArchive } from '../../../src/oci/layout.ts';
import { RegistryClient } from '../../../src/oci/registry.ts';
import { digestOfTag } from '../../../src/oci/upload.ts';
import { debianProgram } from '../packages.ts';
import { ci, commitAll, copyOfRepository, edit, type Ran, resultOf, temporaryFolder, whileEdited } from '../support.ts';
import { type Registry, startRegistry } from './registry.ts';

const PASSWORD = 'correct-horse-battery-staple';

let repository: string;
let registry: Registry;
let keys: string;
let to: string[];
type Released = { ran: Ran; result: RunResult; digest: string; report: string };
const releases: Released[] = [];
beforeAll(async () => {
  repository = await copyOfRepository('delivered');
  [registry, keys] = await Promise.all([startRegistry(), temporaryFolder('keys')]);
  to = ['--registry', registry.host, '--repository', 'acme/app'];
  const cosign = await debianProgram(parseLock(cosignLock), 'cosign');
  const env = { PATH: process.env.PATH, HOME: keys, COSIGN_PASSWORD: PASSWORD };
  await $({ cwd: keys, env, quiet: true })`${cosign} generate-key-pair`;
  await release();
  await edit(repository, 'service/src/serve.ts', (text) => text.replace('took too long to arrive', 'took too long'));
  await commitAll(repository, 'Say it in short');
  await release();
}, 1_200_000);

const signing = () => [
  '--cosign-key',
  `file://${join(keys, 'cosign.key')}`,
  '--cosign-password',
  'env://PASSWORD_OF_KEY',
];
const cd = async (...args: string[]) => await ci(repository, ['cd', ...to, ...args], { PASSWORD_OF_KEY: PASSWORD });

/** `cd` from the sources; its report is kept. */
async function release(): Promise<void> {
  const ran = await cd(...signing());
  expect(ran.exitCode, ran.stdout).toBe(0);
  const report = join(await temporaryFolder('report'), 'out');
  await cp(ran.output, report, { recursive: true });
  const result = resultOf(ran);
  releases.push({ ran, result, digest: result.delivery?.digest ?? '', report });
}

const firstOf = () => releases[0] as Released;
const secondOf = () => releases[1] as Released;
const tagged = async (tag: string) =>
  await digestOfTag(new RegistryClient(), { registry: registry.host, repository: 'acme/app' }, tag);
const stageOf = (result: RunResult, name: StageName) => result.stages.find((stage) => stage.name === name);

describe('a release', () => {
  test('one digest: on the disk, in the registry, in the record, and in what runs', async () => {
    const { digest, report, result } = firstOf();
    expect((await describeArchive(join(report, 'image.tar'))).digest).toBe(digest);
    expect(result.smoke?.rows.find(({ name }) => name === '/version through nginx')?.detail).toContain(digest);
    const record = parseRelease(await readFile(join(report, 'release.json'), 'utf8'), digest);
    expect(record).toMatchObject({ image: { digest }, previous: null, rehearsal: true, source: { dirty: false } });
    expect(await tagged(record.source.commit ?? '')).toBe(digest);
    expect(result.delivery?.tags).toEqual([record.source.commit, 'main']);
  });

  test('the next one replaces it: the deployment went back and forward, and the tag moved', async () => {
    const { digest, result } = secondOf();
    expect(digest).not.toBe(firstOf().digest);
    expect(result.delivery).toMatchObject({ previous: firstOf().digest });
    const rows = new Map(result.smoke?.rows.map(({ name, status, detail }) => [name, { status, detail }]));
    expect(rows.get('Rolled back: /version through nginx')).toMatchObject({
      status: 'passed',
      detail: expect.stringContaining(firstOf().digest),
    });
    expect(rows.get('Forward again: /version through nginx')).toMatchObject({
      status: 'passed',
      detail: expect.stringContaining(digest),
    });
    // Of the layers of the first, only the service's own is new.
    expect(result.delivery?.pushed).toMatchObject({ sent: { blobs: 2 } });
    expect(await tagged('main')).toBe(digest);
  });

  test('what it was signed with is nowhere', async () => {
    const key = (await readFile(join(keys, 'cosign.key'), 'utf8')).split('\n')[3] ?? '';
    const { report, ran } = secondOf();
    const said = [ran.stdout, ran.stderr].join('\n');
    for (const secret of [PASSWORD, key]) {
      expect(said).not.toContain(secret);
      const found = await $({
        nothrow: true,
        quiet: true,
      })`grep --recursive --files-with-matches --fixed-strings -e ${secret} ${report}`;
      expect(found.stdout).toBe('');
    }
  });
});

describe('verify', () => {
  const key = () => ['--cosign-pub', join(keys, 'cosign.pub')];
  const all = { statements: Object.keys(STATEMENTS) };

  test('from the registry; its report verifies again with the network off', async () => {
    const ran = await ci(repository, ['verify', `${registry.host}/acme/app:main`, ...key()]);
    expect(ran.exitCode, ran.stdout).toBe(0);
    expect(resultOf(ran).delivery).toMatchObject({ ...all, digest: secondOf().digest });
    const files = await ci(repository, ['verify', '--files', 'out', '--offline', ...key()]);
    expect(files.exitCode, files.stdout).toBe(0);
    expect(resultOf(files).delivery).toMatchObject({ ...all, digest: secondOf().digest });
  });

  test('statements about another image are none about this one', async () => {
    const mixed = join(await temporaryFolder('mixed'), 'out');
    await cp(firstOf().report, mixed, { recursive: true });
    await cp(join(secondOf().report, 'attestations'), join(mixed, 'attestations'), { recursive: true });
    const ran = await ci(repository, ['verify', '--files', mixed, '--offline', ...key()]);
    expect(ran.exitCode, ran.stdout).toBe(1);
    expect(ran.stdout).toMatch(/^FAIL {2}verify .*signature: /m);
  });

  test('nobody named: not evaluated', async () => {
    const ran = await ci(repository, ['verify', '--files', secondOf().report, '--offline']);
    expect(ran.exitCode, ran.stdout).toBe(0);
    expect(stageOf(resultOf(ran), 'verify')?.status).toBe('not evaluated');
  });

  /** Built with `go install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3`, or wherever else it is from. */
  const current = [process.env.COSIGN, join(homedir(), 'go/bin/cosign')].find((path) => path && existsSync(path));
  test.runIf(current !== undefined)('current cosign finds and verifies all of it by itself', async () => {
    const image = `${registry.host}/acme/app:main`;
    const options = ['--key', join(keys, 'cosign.pub'), '--insecure-ignore-tlog', '--allow-http-registry'];
    const cosign = $({ quiet: true });
    expect((await cosign`${current} verify ${options} ${image}`).stdout).toContain(secondOf().digest);
    for (const type of [STATEMENTS.sbom, STATEMENTS.provenance, STATEMENTS.verdict])
      await cosign`${current} verify-attestation ${options} --type ${type} ${image}`;
  });
});

describe('what must not ship leaves the tags where they were', () => {
  /** A copy of the second release's report, to be tampered with. */
  async function copied(): Promise<string> {
    const report = join(await temporaryFolder('tampered'), 'out');
    await cp(secondOf().report, report, { recursive: true });
    return report;
  }
  const refuses = async (args: string[], exitCode: number, said: RegExp) => {
    const ran = await cd(...args);
    expect(ran.exitCode, ran.stdout).toBe(exitCode);
    expect(ran.stdout).toMatch(said);
    expect(await tagged('main')).toBe(secondOf().digest);
  };

  test('an archive whose bytes were changed', async () => {
    const report = await copied();
    const file = await open(join(report, 'image.tar'), 'r+');
    const { size } = await file.stat();
    await file.write(Buffer.from('x'), 0, 1, Math.floor(size / 2));
    await file.close();
    await refuses(['--run', report], 1, /publish .*push: exit 1|BLOB|is really/);
  });

  test('the image of another run', async () => {
    const report = await copied();
    await cp(join(firstOf().report, 'image.tar'), join(report, 'image.tar'));
    await refuses(
      ['--run', report],
      1,
      /not pushed: image\.tar is sha256:\w+, but the image that was built is sha256:/,
    );
  });

  test('a verdict that was edited', async () => {
    const report = await copied();
    await edit(report, 'verdict.json', (text) =>
      text.replace(/"status": "[a-z ]+"/, '"status": "passed"').replace(/"date": "[\d-]+"/, '"date": "2020-01-01"'),
    );
    await refuses(['--run', report], 2, /is not what its own inputs decide to/);
  });

  test('a run in which a test failed', async () => {
    const report = await copied();
    await edit(report, 'result.json', (text) => text.replace(/("name": "test",\s+"status": )"passed"/, '$1"failed"'));
    await refuses(['--run', report], 1, /not pushed: test failed/);
  });

  test('a run that did not end', async () => {
    const report = await copied();
    await rm(join(report, 'exit-code'));
    await refuses(['--run', report], 1, /not pushed: the run did not end: its folder has no exit-code/);
  });

  test('the run of another commit', async () =>
    refuses(['--run', firstOf().report], 1, /the run was of commit \w{12}, and this is \w{12}/));

  test('a folder that is no run', async () => refuses(['--run', keys], 2, /the folder of --run has no result\.json/));

  test('a deployment that does not work', async () => {
    const wrong = { 'nginx/templates/default.conf.template': (text: string) => `${text}\nnonsense;\n` };
    // The sources are others than those of the run, but what ships is the run's.
    const ran = await whileEdited(repository, wrong, () => cd('--run', secondOf().report));
    expect(ran.exitCode, ran.stdout).toBe(1);
    expect(stageOf(resultOf(ran), 'smoke')?.status).toBe('failed');
    expect(stageOf(resultOf(ran), 'promote')).toMatchObject({ status: 'skipped', reason: 'not reached: smoke failed' });
    expect(await tagged('main')).toBe(secondOf().digest);
  });

  const BEYOND = ['--registry', 'registry.example', '--repository', 'acme/app'];
  test('beyond loopback: substitutes, and whatever was not evaluated', async () => {
    const ran = await ci(repository, ['cd', '--run', secondOf().report, ...BEYOND]);
    expect(ran.exitCode, ran.stdout).toBe(1);
    expect(ran.stdout).toMatch(/not pushed: scan was not evaluated/);
    expect(ran.stdout).toMatch(/there were substitutes for .*node/);
  });

  test('beyond loopback: substitutes that the account leaves out, and the archive does not', async () => {
    const report = await copied();
    await edit(report, 'result.json', (text) => {
      const { scanners, ...account } = JSON.parse(text) as RunResult;
      if (account.image !== null) account.image.standIn = false;
      return JSON.stringify({ ...account, scanners: scanners.map((one) => ({ ...one, standIn: null })), standIns: [] });
    });
    const ran = await ci(repository, ['publish', '--run', report, ...BEYOND]);
    expect(ran.exitCode, ran.stdout).toBe(1);
    expect(ran.stdout).toMatch(/there were substitutes for .*distroless/);
  });

  const WRONG: [what: string, args: string[], env: Record<string, string>, said: RegExp][] = [
    ['a key without its password', [], { COSIGN_PRIVATE_KEY: 'a key' }, /there is a cosign key and no password/],
    [
      'no name at a registry of others',
      ['--registry', 'ghcr.io'],
      {},
      /it is not said which repository of ghcr\.io is meant/,
    ],
    ['a ref that is none', ['--ref', 'main', '--registry', '127.0.0.1:1'], {}, /--ref main is no branch and no tag/],
    [
      'a secret instead of its address',
      ['--token', 'ghp_abc', '--registry', '127.0.0.1:1'],
      {},
      /--token is not the address of a secret/,
    ],
  ];
  test.for(WRONG)('%s', async ([, args, env, said]) => {
    const ran = await ci(repository, ['cd', ...(args.length === 0 ? to : args)], env);
    expect(ran.exitCode, ran.stdout).toBe(2);
    expect(`${ran.stdout}${ran.stderr}`).toMatch(said);
  });
});

test('delivered again from its report: no blob is sent', async () => {
  const ran = await cd('--run', secondOf().report);
  expect(ran.exitCode, ran.stdout).toBe(0);
  expect(resultOf(ran).delivery).toMatchObject({ digest: secondOf().digest, pushed: { sent: { blobs: 0, bytes: 0 } } });
});

test('a dry run needs no registry, and leaves none', async () => {
  const ran = await ci(repository, ['publish', '--dry-run', '--run', secondOf().report]);
  expect(ran.exitCode, ran.stdout).toBe(0);
  expect(resultOf(ran).delivery).toMatchObject({ rehearsal: true, pushed: { sent: { blobs: 4 } } });
});

test('a rollback: the previous release runs, and has the tag', async () => {
  const ran = await ci(repository, ['rollback', ...to]);
  expect(ran.exitCode, ran.stdout).toBe(0);
  const { digest } = firstOf();
  expect(resultOf(ran).smoke?.rows.find(({ name }) => name === '/version through nginx')?.detail).toContain(digest);
  expect(await tagged('main')).toBe(digest);
  const further = await ci(repository, ['rollback', ...to]);
  expect(further.exitCode, further.stdout).toBe(2);
  expect(further.stdout).toMatch(/is the first release under main/);
  await rm(join(repository, 'out'), { recursive: true });
});
