// `init` on real folders: what it shows, the few files that it writes, and those that it never touches.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { init } from '../../../cli/init/init.ts';
import { TEMPLATES } from '../../../cli/programs.ts';
import { hasGit } from '../../git.ts';
import { type Files, lockOf, makeRepository, manifest, SERVICE, service } from '../check/repositories.ts';
import { recorder, temporaryFolder, toRefusal } from '../make.ts';

async function run(root: string, options: { yes?: boolean; dryRun?: boolean; json?: boolean } = {}): Promise<string> {
  const out = recorder();
  const terminal = { out, err: recorder(), interrupted: new Promise<never>(() => {}) };
  expect(await init({ kind: 'init', yes: false, dryRun: false, json: false, ...options }, root, terminal)).toBe(0);
  return out.text();
}
const API: Files = {
  'package.json': manifest({ name: 'root', private: true, workspaces: ['apps/*'] }),
  'apps/api/package.json': manifest({ ...SERVICE, name: 'api' }),
  'apps/api/package-lock.json': lockOf({ ...SERVICE, name: 'api' }),
  'apps/api/src/server.ts': "app.get('/healthz', ok);\napp.listen(process.env.PORT ?? 3000);\n",
};
const ON_GITHUB: Files = { '.github/CODEOWNERS': '* @acme/team\n' };
const files = (root: string) =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.startsWith('.git/'))
    .sort();

test.runIf(hasGit)('without a terminal and without --yes it shows all, and writes nothing', async () => {
  const root = makeRepository({ ...API, ...ON_GITHUB });
  const before = files(root);
  for (const options of [{}, { dryRun: true }, { dryRun: true, yes: true }]) {
    const shown = await run(root, options);
    expect(shown).toMatch(/^ {2}port +3000 \(apps\/api\/src\/server\.ts:2\)$/m);
    expect(shown).toContain('nothing prevents a run\n');
    expect(shown).toContain('  services:\n    - path: apps/api\n      port: 3000\n      health: /healthz\n');
    expect(shown).toMatch(/nothing was written; to write them: .* init --yes\n$/);
  }
  expect(files(root)).toEqual(before);
});

test.runIf(hasGit)('--yes writes two files, after which nothing is left to write', async () => {
  const root = makeRepository({ ...API, ...ON_GITHUB });
  const before = files(root);
  const shown = await run(root, { yes: true });
  expect(shown).toMatch(/\nwritten: drydock\.yaml, \.github\/workflows\/drydock\.yml\nnext: .* ci\n$/);
  const written = ['.github/workflows', '.github/workflows/drydock.yml', 'drydock.yaml'];
  expect(files(root)).toEqual([...before, ...written].sort());
  expect(await run(root, { yes: true })).toMatch(
    /there already, and left as it is: drydock\.yaml, .*\n\nnothing has to be written\n/,
  );
});

test.runIf(hasGit)('the workflow is the template, for the branch of a repository with a platform', async () => {
  const root = makeRepository(service({}, { 'docker-compose.yml': 'services: { app: { image: "$APP_IMAGE" } }\n' }));
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, stdio: 'ignore' });
  git('symbolic-ref', 'HEAD', 'refs/heads/trunk');
  git('remote', 'add', 'origin', 'git@github.com:acme/shop.git');
  await run(root, { yes: true });
  const written = parse(readFileSync(join(root, '.github/workflows/drydock.yml'), 'utf8'));
  const template = parse(readFileSync(join(TEMPLATES, 'github.yml'), 'utf8'));
  expect(written.on.push.branches).toEqual(['trunk']);
  template.on.push.branches = written.on.push.branches;
  template.on.pull_request.branches = written.on.pull_request.branches;
  expect(written).toEqual(template);
});

test.runIf(hasGit)('elsewhere than on GitHub, and where all is usual, there is nothing to write', async () => {
  const root = makeRepository(service({}, { 'src/server.ts': "app.get('/health', ok); app.listen(8000);" }));
  expect(await run(root, { yes: true })).toMatch(/nothing has to be written\nnext: .* ci\n$/);
});

test.runIf(hasGit)('a workflow that runs drydock already is named, and no other is made', async () => {
  const root = makeRepository(
    service({}, { '.github/workflows/checks.yml': 'jobs: { a: { steps: [{ run: npx drydock ci }] } }\n' }),
  );
  expect(await run(root, { yes: true })).toContain('there already, and left as it is: .github/workflows/checks.yml\n');
  expect(existsSync(join(root, '.github/workflows/drydock.yml'))).toBe(false);
});

test.runIf(hasGit)('what is lacking is shown, and the next command is the one that says it again', async () => {
  const shown = await run(
    makeRepository(service({ main: undefined }, { 'bun.lockb': '', 'package-lock.json': undefined })),
  );
  expect(shown).toMatch(/^FAIL {2}bun\.lockb is of Bun before 1\.2/m);
  expect(shown).toMatch(/^FAIL {2}package\.json: nothing says how it starts/m);
});

test.runIf(hasGit)('it writes into the repository alone: a link that leads elsewhere is not followed', async () => {
  const [root, elsewhere] = [makeRepository(API), temporaryFolder()];
  symlinkSync(elsewhere, join(root, '.github'));
  await expect(run(root, { yes: true }).catch((error) => Promise.reject(toRefusal(error)))).rejects.toMatchObject({
    code: 'BAD_OPTION',
  });
  expect(readdirSync(elsewhere)).toEqual([]);
  expect(existsSync(join(root, 'drydock.yaml'))).toBe(false);
});

// github.com/fastapi/full-stack-fastapi-template, backend/Dockerfile, shortened; port and health as its compose file has them.
const FASTAPI = `FROM python:3.14

WORKDIR /app/
COPY pyproject.toml uv.lock /app/
EXPOSE 8080
HEALTHCHECK CMD curl -f http://localhost:8080/api/v1/utils/health-check/ || exit 1
CMD ["fastapi", "run", "--workers", "4", "app/main.py"]
`;

test.runIf(hasGit)('a Dockerfile and no package.json: a service that is built by it', async () => {
  const root = makeRepository({
    'backend/Dockerfile': FASTAPI,
    'backend/pyproject.toml': '[project]\nname = "app"\n',
    'backend/tests/Dockerfile': 'FROM scratch\n',
  });
  const shown = await run(root, { yes: true });
  expect(shown).toMatch(/^ {2}service +backend\/Dockerfile, and no package\.json: it is built by it$/m);
  expect(shown).toMatch(/^ {2}language +Python$/m);
  expect(shown).toContain('backend/Dockerfile:1 names python:3.14 without a digest');
  expect(parse(readFileSync(join(root, 'drydock.yaml'), 'utf8'))).toEqual({
    services: [{ path: 'backend', kind: 'dockerfile', port: 8080, health: '/api/v1/utils/health-check/' }],
  });
  expect(await run(root, { yes: true })).toContain('there already, and left as it is: drydock.yaml');
});

test.runIf(hasGit)('a Dockerfile in the root: the service is called as the repository', async () => {
  const root = join(makeRepository({ 'Shop API/Dockerfile': 'FROM scratch\n' }), 'Shop API');
  execFileSync('git', ['init', '--quiet', root]);
  execFileSync('git', ['-C', root, 'add', '--all']);
  await run(root, { yes: true });
  expect(parse(readFileSync(join(root, 'drydock.yaml'), 'utf8'))).toEqual({
    services: [{ path: '.', name: 'shop-api', kind: 'dockerfile' }],
  });
});

test('outside of git, and in a folder with nothing, it says so', async () => {
  const root = temporaryFolder();
  mkdirSync(join(root, 'empty'));
  expect(await run(join(root, 'empty'), { yes: true })).toMatch(
    /^found: no package\.json of a service, and no Dockerfile\n[\s\S]*not in a git repository/,
  );
  writeFileSync(join(root, 'package.json'), manifest(SERVICE));
  expect(await run(root, { yes: true })).toContain(`${root} is not in a git repository`);
});
