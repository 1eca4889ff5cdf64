// What the doctor reads of a machine's files: ids, credentials' shape, variables.
import { expect, test } from 'vitest';
import { credentialsIn, unsetVariables } from '../../../cli/doctor/settings.ts';
import { idsOf, lookAtFolder } from '../../../cli/doctor/surroundings.ts';
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
