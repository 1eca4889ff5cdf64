// Queries as SDKs of earlier versions write them, from the published clients of 0.18.0, 0.18.19 and 0.19.0; a real engine answers each by its version's view.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EngineSession, openSession } from '../engine-session.ts';
import { temporaryFolder } from '../support.ts';

let session: EngineSession;
let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder('older-sdks');
  session = await openSession({ XDG_CACHE_HOME: join(folder, 'cache') });
});
afterAll(() => session.close());

test('the source of withDirectory is called `directory`, of a directory and of a container', async () => {
  const id = JSON.stringify(await session.ask('{ directory { withNewFile(path: "a", contents: "A") { id } } }'));
  for (const root of ['directory', 'container'])
    expect(
      await session.ask(
        `{ ${root} { withDirectory(path: "/d", directory: ${id}) { file(path: "/d/a") { contents } } } }`,
      ),
    ).toBe('A');
});

test('a secret of a file of the host has a name', async () => {
  writeFileSync(join(folder, 'token'), 'hunter22');
  const secret = `setSecretFile(name: "token", path: "${join(folder, 'token')}")`;
  expect(await session.ask(`{ host { ${secret} { plaintext } } }`)).toBe('hunter22');
  expect(await session.ask(`{ host { ${secret} { name } } }`)).toBe('token');
});

test('an object is loaded by its type', async () => {
  const id = JSON.stringify(await session.ask('{ container { withEnvVariable(name: "A", value: "1") { id } } }'));
  expect(await session.ask(`{ loadContainerFromID(id: ${id}) { envVariable(name: "A") } }`)).toBe('1');
});

test('a cache volume may have a namespace', async () => {
  const ids = await Promise.all(
    ['', ', namespace: "n"'].map((more) => session.ask(`{ cacheVolume(key: "k"${more}) { id } }`)),
  );
  expect(new Set(ids).size).toBe(2);
});
