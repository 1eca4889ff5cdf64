// What `check` says of small repositories as people have them, and that it is silent about those that run.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readRepository } from '../../../cli/check/read.ts';
import { sentenceOf } from '../../../src/core/check/finding.ts';
import { findingsOf, stoppersOf } from '../../../src/core/check/rules.ts';
import { hasGit } from '../../git.ts';
import { temporaryFolder } from '../make.ts';
import { type Files, lockOf, makeRepository, manifest, SERVICE, service } from './repositories.ts';

const findingsIn = async (root: string) =>
  findingsOf(await readRepository({ root, output: join(root, 'out'), isWhole: true }));
const said = async (root: string) =>
  (await findingsIn(root)).map((finding) => `${finding.status}: ${sentenceOf(finding)}`);

/** express-generator 4 and later. */
const EXPRESS = {
  name: 'my-app',
  version: '0.0.0',
  private: true,
  scripts: { start: 'node ./bin/www' },
  dependencies: { debug: '~4.4.1', express: '~5.1.0' },
};
/** Nest's typescript-starter. */
const NEST = {
  name: 'nest-typescript-starter',
  version: '1.0.0',
  scripts: { build: 'nest build', 'start:prod': 'node dist/main', test: 'jest' },
  dependencies: { '@nestjs/core': '^11.0.1', rxjs: '^7.8.1' },
};
/** create-hono's template for Node. */
const HONO = {
  name: 'my-app',
  type: 'module',
  scripts: { build: 'tsc', start: 'node dist/index.js' },
  dependencies: { hono: '^4.9.0' },
};
/** Turborepo's kitchen-sink. */
const KITCHEN_SINK = {
  name: 'api',
  version: '0.0.0',
  main: 'dist/index.js',
  scripts: { build: 'tsup', lint: 'eslint src/' },
  dependencies: { '@repo/logger': 'workspace:*', express: '^4.21.2' },
};
const CHECKED_OUT_LFS = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n';
const CONFLICT = '{\n<<<<<<< HEAD\n  "name": "a"\n=======\n  "name": "b"\n>>>>>>> topic\n}\n';

const PINNED = `node:24@sha256:${'0'.repeat(64)}`;

/** As npm's documentation writes one. */
const NPMRC = `# \${NOT_THIS}
@acme:registry=https://npm.acme.example/
//npm.acme.example/:_authToken=\${NPM_TOKEN}
//a.example/:_password=\${OTHER}
`;

const NEEDS = (needs: string) => `services:\n  - path: .\n    needs:\n      ${needs}\n`;

const rows: [name: string, files: Files, findings: string[]][] = [
  ['a service that runs', service(), []],
  ['one in service/', { 'service/package.json': manifest(SERVICE), 'service/package-lock.json': lockOf(SERVICE) }, []],
  ['express-generator', { 'package.json': manifest(EXPRESS), 'package-lock.json': lockOf(EXPRESS), 'bin/www': '' }, []],
  [
    'express-generator, whose entry somebody moved',
    { 'package.json': manifest(EXPRESS), 'package-lock.json': lockOf(EXPRESS), 'server.js': '' },
    ['blocked: package.json: the script start is bin/www, and there is no such file'],
  ],
  [
    'Nest: its starter has no main',
    { 'package.json': manifest(NEST), 'package-lock.json': lockOf(NEST), 'src/main.ts': '' },
    [],
  ],
  [
    'Hono with pnpm',
    { 'package.json': manifest(HONO), 'pnpm-lock.yaml': "lockfileVersion: '9.0'\n", 'src/index.ts': '' },
    [],
  ],
  [
    'a workspace of npm, with the lock file of its root',
    {
      'package.json': manifest({ name: 'shop', private: true, workspaces: ['apps/*'] }),
      'package-lock.json': lockOf({}, { 'apps/api': SERVICE, 'node_modules/express': { version: '5.1.0' } }),
      'apps/api/package.json': manifest(SERVICE),
      'drydock.yaml': 'services:\n  - path: apps/api\n',
    },
    [],
  ],
  [
    'a package that it is linked to, and that needs another version',
    service(
      { dependencies: { lib: 'file:./lib' } },
      { 'lib/package.json': manifest({ dependencies: { ms: '2.1.3' } }) },
      {
        ...{ lib: { dependencies: { ms: '2.0.0' } }, 'node_modules/lib': { resolved: 'lib', link: true } },
        'node_modules/ms': { version: '2.0.0' },
      },
    ),
    [
      'blocked: package-lock.json does not belong to lib/package.json: ms is 2.1.3 in the manifest and 2.0.0 in the lock',
    ],
  ],
  [
    'a workspace of pnpm',
    {
      'package.json': manifest({ name: 'kitchen-sink', private: true }),
      'pnpm-workspace.yaml': "packages:\n  - 'apps/*'\n  - packages/*\n",
      'pnpm-lock.yaml': '',
      'apps/api/package.json': manifest(KITCHEN_SINK),
      'drydock.yaml': 'services:\n  - path: apps/api\n',
    },
    [],
  ],
  [
    'a lock file of pnpm that another package.json was written with',
    service(
      {},
      {
        'package-lock.json': undefined,
        'pnpm-lock.yaml': 'importers:\n  .:\n    dependencies:\n      express:\n        specifier: ^4.21.2\n',
      },
    ),
    ['blocked: pnpm-lock.yaml does not belong to package.json: it lacks express@^5.1.0'],
  ],
  [
    'Yarn 4',
    service({}, { 'package-lock.json': undefined, 'yarn.lock': '__metadata:\n  version: 8\n  cacheKey: 10c0\n' }),
    [],
  ],
  [
    'Yarn 4, whose lock file another package.json was written with',
    service(
      {},
      {
        'package-lock.json': undefined,
        'yarn.lock': `__metadata:
  version: 8

"api@workspace:.":
  version: 0.0.0-use.local
  resolution: "api@workspace:."
  dependencies:
    express: "npm:^4.21.2"
`,
      },
    ),
    ['blocked: yarn.lock does not belong to package.json: it lacks express@^5.1.0'],
  ],
  [
    'Yarn 2',
    service({}, { 'package-lock.json': undefined, 'yarn.lock': '__metadata:\n  version: 4\n' }),
    ['blocked: yarn.lock is of format 4, which Yarn 1, 3 or 4 does not write'],
  ],
  [
    'Bun',
    service(
      {},
      {
        'package-lock.json': undefined,
        'bun.lock':
          '{\n  "lockfileVersion": 1,\n  "workspaces": {\n    "": {\n      "dependencies": { "express": "^5.1.0", },\n    },\n  },\n}\n',
      },
    ),
    [],
  ],
  [
    'Bun, whose lock file another package.json was written with',
    service(
      {},
      {
        'package-lock.json': undefined,
        'bun.lock': '{ "workspaces": { "": { "dependencies": { "express": "4" } } } }',
      },
    ),
    ['blocked: bun.lock does not belong to package.json: it lacks express@^5.1.0'],
  ],
  [
    'Bun before 1.2',
    service({}, { 'package-lock.json': undefined, 'bun.lockb': '#!/usr/bin/env bun\n' }),
    ['blocked: bun.lockb is of Bun before 1.2, and not read: drydock installs from bun.lock'],
  ],
  [
    'pnpm 7',
    service({ packageManager: 'pnpm@7.33.7' }, { 'package-lock.json': undefined, 'pnpm-lock.yaml': '' }),
    ['blocked: package.json names pnpm@7.33.7 as its packageManager, which is not supported: pnpm 8 to 12 is'],
  ],
  [
    "a lock file of Yarn's that git ignores",
    service({}, { 'package-lock.json': undefined, 'yarn.lock': '', '.gitignore': 'yarn.lock\n' }),
    ['blocked: yarn.lock is ignored by git, and a clone has none'],
  ],
  ['no lock file', service({}, { 'package-lock.json': undefined }), ['blocked: package-lock.json is missing']],
  [
    'a lock file that git ignores (github/gitignore has had such lines)',
    service({}, { '.gitignore': 'package-lock.json\n' }),
    ['blocked: package-lock.json is ignored by git, and a clone has none'],
  ],
  [
    'a shrinkwrap alone',
    service({}, { 'package-lock.json': undefined, 'npm-shrinkwrap.json': '{}' }),
    ['blocked: npm-shrinkwrap.json is not read: drydock installs from package-lock.json'],
  ],
  [
    'two lock files',
    service({}, { 'yarn.lock': '# yarn lockfile v1\n' }),
    ['note: package-lock.json is what drydock installs from, and yarn.lock lies beside it'],
  ],
  [
    'a conflict in both files',
    service({}, { 'package-lock.json': CONFLICT }),
    ['blocked: package-lock.json:2 holds a conflict of a merge'],
  ],
  [
    'a drydock.yaml with two slips',
    service({}, { 'drydock.yaml': 'services:\n  - path: .\n    port: 99999\n    helth: /healthz\n' }),
    [
      'blocked: drydock.yaml:3: services[0].port must be a port, 1 to 65535',
      'blocked: drydock.yaml:4: there is no "services[0].helth"; did you mean health?',
    ],
  ],
  [
    'a drydock.yaml that git ignores',
    service({}, { 'drydock.yaml': 'services: [{ path: . }]\n', '.gitignore': '*.yaml\n' }),
    ['warning: drydock.yaml is ignored by git, so a run does not read it'],
  ],
  [
    'a drydock.yaml by another name',
    service({}, { 'drydock.yml': 'services: []\n' }),
    ['blocked: drydock.yml is not read: the file is called drydock.yaml'],
  ],
  ['a folder by its name', service({}, { 'drydock.yaml/a': '' }), ['blocked: drydock.yaml is not a plain file']],
  [
    'a script by another name',
    service(
      {},
      { 'drydock.yaml': 'services:\n  - path: .\n    lint: npm run lnt\n    test: npm test && npm run e2e\n' },
    ),
    [
      'blocked: drydock.yaml:3 runs `npm run lnt` as lint, and package.json has no script lnt',
      'blocked: drydock.yaml:4 runs `npm test && npm run e2e` as test, and package.json has no script e2e',
    ],
  ],
  [
    'commands of which only a shell knows what they do',
    service(
      {},
      {
        'drydock.yaml':
          'services: [{ path: ., lint: "npm run lnt || true", types: "cd x && npm run y", test: npm run a; true }]',
      },
    ),
    [],
  ],
  [
    'options by which npm runs no script, or that of another package; and what it runs without one',
    service(
      {},
      {
        'drydock.yaml':
          'services: [{ path: ., lint: npm run fmt --if-present, types: npm run types --prefix ../a, test: npm run env }]\n' +
          'packages: [{ path: ., name: b, lint: npm run x -w api, types: CI=1 npm run y, test: npm run start }]\n',
      },
    ),
    [],
  ],
  [
    'a script that takes arguments, and is not there',
    service(
      {},
      { 'drydock.yaml': 'services: [{ path: ., lint: npm run -s eslint -- --quiet, types: npm run types:all }]\n' },
    ),
    [
      'blocked: drydock.yaml:1 runs `npm run -s eslint -- --quiet` as lint, and package.json has no script eslint',
      'blocked: drydock.yaml:1 runs `npm run types:all` as types, and package.json has no script types:all',
    ],
  ],
  [
    'an entry that is not in dist/ (koa: `node app.js`)',
    service({ main: './app.js' }),
    ['blocked: package.json: main is app.js, and of what is built, dist ships'],
  ],
  [
    'an entry that no source is called by',
    service({ main: 'dist/index.js' }),
    ['note: package.json:4 starts dist/index.js, and no source is called index'],
  ],
  [
    'the same where a bundler builds',
    service({ main: 'dist/index.js', scripts: { build: 'esbuild src/server.ts' } }),
    [],
  ],
  [
    'Git LFS that put nothing here',
    service({}, { '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n', 'data/model.bin': CHECKED_OUT_LFS }),
    ['warning: Git LFS has not put the content of data/model.bin here: a run sees the pointers to it'],
  ],
  [
    'links that lead away',
    service(
      {},
      { 'src/hosts': { link: '/etc/hosts' }, 'src/gone': { link: 'nothing' }, 'src/same': { link: 'server.ts' } },
    ),
    [
      'note: src/gone is a link to nothing, which leads to nothing',
      'note: src/hosts is a link to /etc/hosts, which leads outside of the repository',
    ],
  ],
  [
    'names that differ in case',
    service({}, { 'src/Button.ts': '', 'src/button.ts': '' }),
    [
      'note: src/Button.ts and src/button.ts are one file where case does not count, as on macOS: a run there sees one of them',
    ],
  ],
  [
    'byte order marks (as PowerShell writes them)',
    service({}, { 'package.json': `\uFEFF${manifest(SERVICE)}` }),
    ['note: package.json:1 begins with a byte order mark, which drydock and npm pass over, and other tools may not'],
  ],
  [
    'another Node',
    service({ engines: { node: '^18 || ^20' } }, { '.nvmrc': 'v20.11.1\n' }),
    [
      'note: package.json:14 asks for Node ^18 || ^20 (engines.node), and everything runs on Node 24',
      'note: .nvmrc:1 asks for Node 20, and everything runs on Node 24',
    ],
  ],
  [
    'another Node, and npm told to be strict',
    service({ engines: { node: '20.x' } }, { '.npmrc': 'engine-strict=true\n' }),
    [
      'blocked: package.json:14 asks for Node 20.x (engines.node), and everything runs on Node 24: npm refuses that (engine-strict in .npmrc)',
    ],
  ],
  [
    'install scripts that are allowed, are declined, and are nowhere',
    service(
      { dependencies: { bcrypt: '^5.1.1', argon2: '^0.41.0' } },
      { 'drydock.yaml': 'services:\n  - path: .\n    scripts: [bcrypt, "!argon2", bcryptt]\n' },
      {
        'node_modules/bcrypt': { version: '5.1.1', hasInstallScript: true },
        'node_modules/argon2': { version: '0.41.0', hasInstallScript: true },
      },
    ),
    [
      'warning: drydock.yaml:3 names bcryptt in scripts, and package-lock.json has no package of that name with install scripts',
    ],
  ],
  [
    'bcrypt, whose addon a script fetches; and esbuild among what only develops it',
    service(
      { dependencies: { bcrypt: '^5.1.1' } },
      {},
      {
        'node_modules/bcrypt': { version: '5.1.1', hasInstallScript: true },
        'node_modules/esbuild': { version: '0.25.0', hasInstallScript: true, dev: true },
        'node_modules/@esbuild/linux-x64': {
          version: '0.25.0',
          cpu: ['x64'],
          os: ['linux'],
          dev: true,
          optional: true,
        },
      },
    ),
    [
      'note: package-lock.json: bcrypt has a script for npm to run at install, and drydock runs none: what they build or fetch is missing',
    ],
  ],
  [
    'Prisma and patch-package, which run after an install; husky, which no run needs',
    service({ scripts: { build: 'tsc', postinstall: 'patch-package && prisma generate', prepare: 'husky' } }),
    [
      'note: package.json:7 has a script postinstall (patch-package && prisma generate), and drydock runs none when it installs',
    ],
  ],
  [
    'sharp, an addon for each processor',
    service(
      { dependencies: { sharp: '^0.34.0' } },
      {},
      {
        'node_modules/@img/sharp-linux-x64': { version: '0.34.0', cpu: ['x64'], os: ['linux'], optional: true },
        'node_modules/@img/sharp-win32-x64': { version: '0.34.0', cpu: ['x64'], os: ['win32'], optional: true },
      },
    ),
    [
      'note: package-lock.json: @img/sharp is made for one processor, and build refuses an image that holds compiled addons (.node)',
    ],
  ],
  [
    'a folder that it is linked to',
    service(
      { dependencies: { lib: 'file:./lib' } },
      { 'lib/package.json': '{}' },
      {
        lib: { version: '1.0.0' },
        'node_modules/lib': { resolved: 'lib', link: true },
      },
    ),
    [],
  ],
  [
    'a service of a Dockerfile, of an image by its digest',
    {
      Dockerfile: `FROM ${PINNED} AS run\n`,
      'drydock.yaml': 'services: [{ path: ., name: a, kind: dockerfile, target: run }]\n',
    },
    [],
  ],
  [
    'a Dockerfile by another name',
    { 'api/prod.Dockerfile': 'FROM scratch\n', 'drydock.yaml': 'services:\n  - path: api\n    kind: dockerfile\n' },
    ['blocked: drydock.yaml:3 says that api is built by a Dockerfile, and there is no api/Dockerfile'],
  ],
  [
    'a stage that the Dockerfile does not have',
    {
      Dockerfile: `FROM ${PINNED} AS build\nFROM ${PINNED} AS release\n`,
      'drydock.yaml':
        'services:\n  - path: .\n    name: a\n    kind: dockerfile\n    target: releas\n    checks: { target: tests }\n    test: x\n',
    },
    [
      'blocked: drydock.yaml:5 names the stage releas for a, and Dockerfile has no such stage',
      'blocked: drydock.yaml:6 names the stage tests for a, and Dockerfile has no such stage',
    ],
  ],
  [
    'a Dockerfile of tags, one of which is in no part of what is built',
    {
      Dockerfile: 'FROM python:3.13 AS docs\n\nFROM golang:1.24 AS build\nFROM scratch\nCOPY --from=build /x /\n',
      'drydock.yaml': 'services: [{ path: ., name: a, kind: dockerfile }]\n',
    },
    ['note: Dockerfile:3 names golang:1.24 without a digest: what is built is another image when the tag moves'],
  ],
  [
    'a need whose image nobody has, most likely, and one that is known',
    service({}, { 'drydock.yaml': NEEDS('db: { image: "postgress:17", port: 5432 }\n      cache: redis:7') }),
    ['warning: drydock.yaml:4 names the image postgress:17 for db, and drydock knows none of that name'],
  ],
  [
    'a need without what its image asks for',
    service({}, { 'drydock.yaml': NEEDS('db: mysql:8') }),
    [
      'blocked: drydock.yaml:4: services[0].needs.db must have MYSQL_ROOT_PASSWORD or MYSQL_ALLOW_EMPTY_PASSWORD or MYSQL_RANDOM_ROOT_PASSWORD: mysql does not start without',
    ],
  ],
  [
    'a need that docker-compose.yml deploys, too',
    service(
      {},
      {
        'drydock.yaml': NEEDS('cache: redis:7'),
        'docker-compose.yml': 'services:\n  app: { image: $APP_IMAGE }\n  cache: { image: "redis:7" }\n',
      },
    ),
    ['blocked: drydock.yaml:4 and docker-compose.yml both name a service cache'],
  ],
  [
    'a registry that asks for a token, which is named or is not',
    service(
      {},
      {
        '.npmrc': NPMRC,
        'drydock.yaml': 'services: [{ path: ., secrets: [OTHER] }]\n',
      },
    ),
    [
      'warning: .npmrc:3 logs in with NPM_TOKEN, and drydock.yaml does not name it as a secret: installs do not have it',
    ],
  ],
  [
    'results among what git tracks',
    service({}, { '.gitignore': '!out\n', 'out/report.html': '' }),
    [
      expect.stringMatching(/^blocked: --output .*\/out holds files of the repository, out\/report.html among them$/),
      expect.stringMatching(/^note: \.gitignore does not name out: /),
    ],
  ],
  [
    'a policy with a slip',
    service({}, { 'policy/gate.yaml': 'version: 1\nfailAt: SEVERE\n' }),
    [expect.stringMatching(/^blocked: policy\/gate.yaml:2: failAt cannot be "SEVERE"/)],
  ],
  ['nothing at all', {}, [expect.stringMatching(/^blocked: the repository has no package.json/)]],
];

describe.runIf(hasGit)('check', () => {
  for (const [name, files, findings] of rows) {
    test(name, async () => {
      expect(await said(makeRepository(files))).toEqual(findings);
    });
  }
});

test('outside of git it says so, and the rest as well', async () => {
  const root = temporaryFolder();
  writeFileSync(join(root, 'package.json'), manifest(NEST));
  expect(await said(root)).toEqual([
    `blocked: ${root} is not in a git repository`,
    'blocked: package-lock.json is missing',
  ]);
});

test.runIf(hasGit)('a .gitignore that lacks what runs write', async () => {
  const root = makeRepository(service());
  writeFileSync(join(root, '.gitignore'), 'node_modules/\n');
  expect(await said(root)).toEqual([expect.stringMatching(/^note: \.gitignore does not name out: /)]);
});

test.runIf(hasGit)('a submodule that is not checked out', async () => {
  const root = makeRepository(service());
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, stdio: 'ignore' });
  git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},vendor/theme`);
  mkdirSync(join(root, 'vendor/theme'), { recursive: true });
  expect(await said(root)).toEqual([
    'warning: vendor/theme: a submodule is not checked out, and a run sees an empty folder',
  ]);
});

test.runIf(hasGit)('what is neither committed nor ignored, and no part of the source, is not looked at', async () => {
  const root = makeRepository(service());
  writeFileSync(join(root, '.gitignore'), '');
  mkdirSync(join(root, 'node_modules/a'), { recursive: true });
  for (const name of ['Readme.md', 'README.md']) writeFileSync(join(root, 'node_modules/a', name), '');
  expect(await said(root)).toEqual([expect.stringMatching(/^note: \.gitignore does not name node_modules and out: /)]);
});

test.runIf(hasGit)('files that are no plain files are not waited for', async () => {
  const root = makeRepository(service({}, { '.gitattributes': '*.bin filter=lfs\n' }));
  for (const file of ['.gitattributes', 'package-lock.json']) {
    rmSync(join(root, file));
    execFileSync('mkfifo', [join(root, file)]);
  }
  expect(await said(root)).toEqual(['blocked: package-lock.json is missing']);
});

test.runIf(hasGit)('a name that is not UTF-8', async () => {
  const root = makeRepository(service());
  writeFileSync(Buffer.concat([Buffer.from(`${root}/src/caf`), Buffer.from([0xe9]), Buffer.from('.txt')]), '');
  expect(await said(root)).toEqual([expect.stringMatching(/^note: src\/caf\ufffd\.txt: not UTF-8/)]);
});

test.runIf(hasGit)('what it says is not in JSON because it is wrong: no cut of a file makes it throw', async () => {
  const root = makeRepository(service({}, { 'drydock.yaml': 'services:\n  - path: .\n    port: 3000\n' }));
  for (const file of ['package.json', 'package-lock.json', 'drydock.yaml']) {
    const whole = readFileSync(join(root, file));
    for (let length = 0; length < whole.length - 2; length += 7) {
      writeFileSync(join(root, file), whole.subarray(0, length));
      const findings = await findingsIn(root);
      if (file !== 'drydock.yaml')
        expect(
          findings.some(({ status }) => status === 'blocked'),
          `${file} ${length}`,
        ).toBe(true);
    }
    writeFileSync(join(root, file), whole);
  }
  expect(await said(root)).toEqual([]);
});

test.runIf(hasGit)('what it says to paste makes an entry of what is there', async () => {
  for (const [name, files, hint] of [
    [
      'built, beside dist/',
      { main: 'src/server.js', scripts: { build: 'cp -r lib dist' } },
      'include: [dist, src/server.js]',
    ],
    ['built, nowhere', { main: 'lib/x.js', scripts: { build: 'tsc' } }, 'npm pkg set main=dist/server.js'],
    ['not built', { main: 'index.js', scripts: {} }, 'npm pkg set main=src/server.js'],
  ] as const) {
    const [finding] = await findingsIn(makeRepository(service(files, { 'src/server.js': '' })));
    expect(finding?.hint, name).toContain(hint);
  }
});

test.runIf(hasGit)('what stops one stage stops a run of that stage alone', async () => {
  const findings = await findingsIn(makeRepository(service({ main: 'app.js' })));
  expect(stoppersOf(findings, ['lint', 'test'])).toEqual([]);
  expect(stoppersOf(findings, ['build']).map(({ code }) => code)).toEqual(['BAD_SERVICE']);
});
