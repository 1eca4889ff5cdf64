// What the doctor reads of a machine's files: ids, credentials' shape, variables.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { OTHERS } from '../../../cli/doctor/facts.ts';
import { credentialsIn, readSecrets, unsetVariables } from '../../../cli/doctor/settings.ts';
import { askGit, freeRange, idsOf, lookAtFolder, readFeatures } from '../../../cli/doctor/surroundings.ts';
import { hasGit } from '../../git.ts';
import { temporaryFolder } from '../make.ts';

const ids: [name: string, text: string, count: number][] = [
  ['nobody', '', 0],
  ['another', 'bob:100000:65536\n', 0],
  ['by name', 'bob:1:2\nada:100000:65536\n', 65_536],
  ['by number', '1000:100000:65536', 65_536],
  ['the longest of two', 'ada:1:10\nada:100000:65536\nada:1:20\n', 65_536],
  ['a line that is cut off', 'ada:100000', 0],
];
for (const [name, text, count] of ids) {
  test(`subordinate ids: ${name}`, () => expect(idsOf(['ada', '1000'], text)).toBe(count));
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const files: [name: string, config: unknown, shape: unknown][] = [
  ['nothing', {}, []],
  ['a password', { auths: { 'ghcr.io': { auth: base64('ada:pw') } } }, [{ registry: 'ghcr.io', kind: 'password' }]],
  ['a token', { auths: { 'x.io': { identitytoken: 't' } } }, [{ registry: 'x.io', kind: 'identity' }]],
  ['no base64', { auths: { 'x.io': { auth: base64('no colon') } } }, [{ registry: 'x.io', kind: 'broken' }]],
  ['an empty entry', { auths: { 'x.io': {} } }, [{ registry: 'x.io', kind: 'none' }]],
  ['a store', { auths: { 'x.io': {} }, credsStore: 'desktop' }, [{ registry: 'x.io', kind: 'helper' }]],
  ['a helper', { credHelpers: { 'gcr.io': 'gcloud' } }, [{ registry: 'gcr.io', kind: 'helper' }]],
  [
    'one with and one without a helper',
    { auths: { 'x.io': { auth: base64('ada:pw') } }, credHelpers: { 'gcr.io': 'g' } },
    [
      { registry: 'x.io', kind: 'password' },
      { registry: 'gcr.io', kind: 'helper' },
    ],
  ],
];
for (const [name, config, shape] of files) {
  test(`credentials: ${name}`, () => expect(credentialsIn(JSON.stringify(config))).toEqual(shape));
}

test('credentials: a file that is no JSON is told, and not quoted', () => {
  const found = credentialsIn('{"auths": {"x.io": {"auth": "c2VjcmV0"');
  expect(found).toMatchObject({
    message: 'the Docker configuration is not JSON',
    hint: expect.stringContaining('docker login'),
  });
  expect(JSON.stringify(found)).not.toContain('c2VjcmV0');
});

const variables: [npmrc: string, unset: string[]][] = [
  ['', []],
  [`//x/:_authToken=\${NPM_TOKEN}`, ['NPM_TOKEN']],
  [`//x/:_authToken=\${HERE}`, []],
  [`# //x/:_authToken=\${NPM_TOKEN}`, []],
  [`//x/:_authToken=\${NPM_TOKEN?}`, []],
  [`a=\${A}\${B}\nc=\${A}`, ['A', 'B']],
];
for (const [npmrc, unset] of variables) {
  test(`variables of ${JSON.stringify(npmrc)}`, () => expect(unsetVariables(npmrc, { HERE: '1' })).toEqual(unset));
}

test('a folder that is not there yet is looked at where it would be made', () => {
  const folder = temporaryFolder();
  expect(lookAtFolder(`${folder}/not/there`)).toMatchObject({ path: folder, isWritable: true });
});

const KEY = '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nswordfish\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n';
const secrets: [name: string, env: NodeJS.ProcessEnv, flaws: Record<string, RegExp | null>][] = [
  ['none', { GITHUB_TOKEN: '' }, {}],
  ['a token', { GITHUB_TOKEN: 'ghp_swordfish' }, { GITHUB_TOKEN: null }],
  ['a token with the end of its line', { GITHUB_TOKEN: 'ghp_swordfish\n' }, { GITHUB_TOKEN: /white space/ }],
  ['a key', { COSIGN_PRIVATE_KEY: KEY, COSIGN_PASSWORD: '' }, { COSIGN_PRIVATE_KEY: null }],
  ['a key alone', { COSIGN_PRIVATE_KEY: KEY }, { COSIGN_PRIVATE_KEY: /without COSIGN_PASSWORD/ }],
  ['a path for a key', { COSIGN_PRIVATE_KEY: 'swordfish.key' }, { COSIGN_PRIVATE_KEY: /is not a private key/ }],
];
test.for(secrets)('secrets: %s', ([, env, flaws]) => {
  const found = readSecrets(env);
  expect(found.map(({ name }) => name)).toEqual(Object.keys(flaws));
  for (const { name, flaw } of found) expect(flaw ?? '').toMatch(flaws[name] ?? /^$/);
  expect(JSON.stringify(found)).not.toContain('swordfish');
});

const kernels: [name: string, files: Record<string, string>, features: ReturnType<typeof readFeatures>][] = [
  ['no Linux', {}, null],
  [
    'one that has all',
    {
      filesystems: 'nodev\tproc\nnodev\toverlay\n',
      'self/status': 'Name:\tnode\nSeccomp:\t0\n',
      'sys/user/max_user_namespaces': '96364\n',
      'sys/kernel/unprivileged_userns_clone': '1\n',
    },
    { hasOverlay: true, hasSeccomp: true, userNamespaces: 96_364, forbiddenBy: [] },
  ],
  [
    'one that has nothing',
    {
      filesystems: 'nodev\tproc\n\text4\n',
      'sys/kernel/unprivileged_userns_clone': '0\n',
      'sys/kernel/apparmor_restrict_unprivileged_userns': '1\n',
    },
    {
      hasOverlay: false,
      hasSeccomp: false,
      userNamespaces: 0,
      forbiddenBy: ['kernel.apparmor_restrict_unprivileged_userns', 'kernel.unprivileged_userns_clone'],
    },
  ],
];
test.for(kernels)('a kernel: %s', ([, files, features]) => {
  const proc = temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(proc, path)), { recursive: true });
    writeFileSync(join(proc, path), text);
  }
  expect(readFeatures(proc)).toEqual(features);
});

// As useradd writes them, and as people do.
const ranges: [name: string, text: string, free: string][] = [
  ['no file', '', '100000-165535'],
  ['one user', 'someone:100000:65536\n', '165536-231071'],
  ['two users, out of order', 'b:165536:65536\na:100000:65536\n', '231072-296607'],
  ['a user by number, and a range in the middle of nowhere', '1000:524288:65536\nada:100000:65536\n', '589824-655359'],
  ['lines that are no ranges', '# none\n\nada\nada:x:65536\nada:200000:\n', '100000-165535'],
  ['a range below the first', 'ada:1000:10\n', '100000-165535'],
];
for (const [name, text, free] of ranges)
  test(`the first free range of ids: ${name}`, () => expect(freeRange(text)).toBe(free));

// By git's own switch for its tests (t/t0033-safe-directory.sh).
test.runIf(hasGit)('a working copy of another user is told from one that git reads, and from none', async () => {
  const [copy, none] = [temporaryFolder(), temporaryFolder()];
  execFileSync('git', ['init', '--quiet', copy]);
  expect(await askGit(copy)).toMatchObject({ commit: null, isShallow: false });
  expect(await askGit(none)).toMatchObject({ message: `${none} is not in a git repository` });
  vi.stubEnv('GIT_TEST_ASSUME_DIFFERENT_OWNER', '1');
  expect(await askGit(copy)).toBe(OTHERS);
});
