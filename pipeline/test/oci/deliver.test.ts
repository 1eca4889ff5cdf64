// What delivery asks a registry, as a program: tags may be called as any object's own things are.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { main } from '../../src/oci/deliver.ts';
import { scratch, smallImage } from './helpers.ts';
import { startRegistry } from './registry-server.ts';

const folder = await scratch();
const image = await smallImage();

// Names that a tag may have (OCI distribution specification), and that every object has: ECMAScript, "Properties of the Object Prototype Object".
test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__defineGetter__'])('the tag %s', async (tag) => {
  const out = join(folder, `${tag}.json`);
  const answer = async (tags: Record<string, string>) => {
    const { host } = await startRegistry({ repository: 'team/small', tags, blobs: image.blobs });
    const args = ['resolve', '--repository', `${host}/team/small`, '--tag', tag, '--out', out];
    expect(await main(args)).toBe(0);
    return Object.entries(JSON.parse(await readFile(out, 'utf8')) as object);
  };
  expect(await answer({})).toEqual([[tag, null]]);
  expect(await answer(Object.fromEntries([[tag, image.top.digest]]))).toEqual([[tag, image.top.digest]]);
});

test('a registry that wants to know who asks, where no token was given: the hint says how to give one', async () => {
  const { host } = await startRegistry({ repository: 'team/small', tags: {}, blobs: image.blobs }, (_, response) => {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    return true;
  });
  const said: string[] = [];
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  const args = ['resolve', '--repository', `${host}/team/small`, '--tag', '1.0', '--out', join(folder, 'none.json')];
  expect(await main(args)).not.toBe(0);
  spy.mockRestore();
  expect(said.join('')).toMatch(/wants to know who asks[\s\S]*hint: name a token: --token env:\/\/NAME/);
});

test.each([
  ['those that there are', { '1.0': image.top.digest, main: image.top.digest }, ['1.0', 'main']],
  ['none, of a repository that has none', {}, []],
])('the tags of a repository: %s', async (_, tags, expected) => {
  const { host } = await startRegistry({ repository: 'team/small', tags, blobs: image.blobs });
  const out = join(folder, 'tags.json');
  expect(await main(['tags', '--repository', `${host}/team/small`, '--out', out])).toBe(0);
  expect(JSON.parse(await readFile(out, 'utf8'))).toEqual(expected);
});

// docker-registry lists a repository once it has a tag: until then it answers NAME_UNKNOWN.
test('the tags of a repository that is not listed yet', async () => {
  const { host } = await startRegistry({ repository: 'team/other', tags: {}, blobs: image.blobs });
  const out = join(folder, 'no-tags.json');
  expect(await main(['tags', '--repository', `${host}/team/small`, '--out', out])).toBe(0);
  expect(JSON.parse(await readFile(out, 'utf8'))).toEqual([]);
});
