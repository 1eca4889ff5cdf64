// drydock.yaml as people write it: what it means, what is refused with its line, and what is meant where there is none.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { NPM } from '../../src/core/manager.ts';
import { packageSets, placesToCheck, setsFor } from '../../src/core/package-sets.ts';
import { describeSubject, type Subject, subjectsIn } from '../../src/core/subject.ts';
import { parseSubject } from '../../src/core/subject-file.ts';
import { filesOf } from './make.ts';

/** A repository with a package.json in these folders, each with these scripts. */
const within = (folders: readonly string[], scripts: readonly string[] = ['types', 'test', 'build']) =>
  filesOf(
    Object.fromEntries(
      folders.map((path) => [
        join(path, 'package.json'),
        JSON.stringify({ scripts: Object.fromEntries(scripts.map((name) => [name, 'x'])) }),
      ]),
    ),
  );

/** Of a package that is linked to no other. */
const ALONE = {
  manager: NPM,
  members: [],
  apart: [],
  copied: [],
  workspace: null,
  locals: [],
  isShared: false,
  secrets: [],
  scripts: [],
};

describe('without a file', () => {
  for (const [name, folders, path] of [
    ['a package in the root', [''], ''],
    ['one in service/', ['service'], 'service'],
    ['both: the root only holds what develops it', ['', 'service'], 'service'],
  ] as const)
    test(name, async () => {
      const {
        services: [service],
        packages,
      } = await describeSubject(null, within(folders));
      expect([service?.path, packages]).toEqual([path, []]);
      expect(service).toMatchObject({ lint: null, test: 'npm test --silent', build: 'npm run --silent build' });
    });

  test('none is refused, with what would help', async () => {
    const refused = describeSubject(null, within([]));
    await expect(refused).rejects.toMatchObject({ code: 'BAD_SUBJECT', hint: expect.stringContaining('drydock.yaml') });
  });
});

describe('what a file says', () => {
  test('a service by its folder alone', () => {
    expect(parseSubject('services:\n  - path: ./apps/api/\n').services[0]).toMatchObject({
      name: 'api',
      path: 'apps/api',
    });
  });

  test('commands of its own', () => {
    const {
      services: [service],
    } = parseSubject('services: [{ path: ., name: shop, lint: eslint ., build: make dist }]');
    expect(service).toMatchObject({ name: 'shop', path: '', lint: 'eslint .', build: 'make dist' });
  });

  test('what is not said are the scripts that there are; false is none', async () => {
    const text = 'services: [{ path: api, types: false }]\npackages: [{ path: docs, lint: markdownlint . }]';
    const {
      services: [service],
      packages,
    } = await describeSubject(text, within(['api', 'docs'], ['lint', 'types', 'test', 'build']));
    expect(service).toMatchObject({ lint: 'npm run --silent lint', types: null, test: 'npm test --silent' });
    expect(packages).toEqual([
      {
        ...{ name: 'docs', path: 'docs', lint: 'markdownlint .', ignore: [] },
        ...{ types: 'npm run --silent types', test: 'npm test --silent', env: {}, needs: [], secrets: [], scripts: [] },
        project: { root: 'docs', manager: NPM, hasWorkspaces: false, members: [], locals: [] },
      },
    ]);
  });

  test('a service without a script that builds it is not built; nor is one of which that is said', async () => {
    const build = async (text: string, scripts: string[]) =>
      (await describeSubject(text, within(['api'], scripts))).services[0]?.build;
    expect(await build('services: [{ path: api }]', ['test'])).toBeNull();
    expect(await build('services: [{ path: api, build: false }]', ['build'])).toBeNull();
    expect(await build('services: [{ path: api, build: make }]', ['test'])).toBe('make');
  });

  test('what ships, and how it starts', () => {
    const read = (text: string) => parseSubject(`services: [{ path: a, ${text} }]`).services[0];
    expect(read('include: [./dist/, views]')).toMatchObject({ include: ['dist', 'views'], start: null });
    expect(read('start: node --import ./otel.js dist/main.js')?.start).toEqual([
      '--import',
      './otel.js',
      'dist/main.js',
    ]);
    expect(read('start: [node, bin/www]')?.start).toEqual(['bin/www']);
  });

  test('a manifest that cannot be read is nothing that is decided here', async () => {
    const {
      services: [service],
    } = await describeSubject('services: [{ path: api }]', { text: async () => '{', manifests: async () => [] });
    expect(service).toMatchObject({ lint: 'npm run --silent lint', build: 'npm run --silent build' });
  });
});

test('a port and a path of its own; 8000 and /health without', () => {
  expect(parseSubject('services: [{ path: a, port: 3000, health: /healthz }]').services[0]).toMatchObject({
    ...{ port: 3000, health: '/healthz' },
  });
  expect(parseSubject('services: [{ path: a }]').services[0]).toMatchObject({ port: 8000, health: '/health' });
});

describe('what it needs while its tests and its smoke run', () => {
  const needsOf = (needs: string) => parseSubject(`services: [{ path: a, needs: ${needs} }]`).services[0]?.needs;

  test('an image, its variables and its port, and what the service is told', () =>
    expect(
      parseSubject(`services:
  - path: a
    env: { DATABASE_URL: "postgres://db/app", POOL: 10, RATIO: 1.10, EMPTY: "" }
    needs:
      db:
        image: docker.io/library/postgres:17
        env: { POSTGRES_PASSWORD: "x" }
      search: { image: ghcr.io/acme/search:2, port: 9200, command: --quiet --memory 1G }
`).services[0],
    ).toMatchObject({
      env: { DATABASE_URL: 'postgres://db/app', POOL: '10', RATIO: '1.10', EMPTY: '' },
      needs: [
        {
          ...{ name: 'db', image: 'docker.io/library/postgres:17', port: 5432 },
          ...{ env: { POSTGRES_PASSWORD: 'x' }, command: null },
        },
        {
          ...{ name: 'search', image: 'ghcr.io/acme/search:2', port: 9200 },
          ...{ env: {}, command: ['--quiet', '--memory', '1G'] },
        },
      ],
    }));

  test('by an image alone, whose port is known; packages need as services do', () => {
    expect(needsOf('{ cache: redis:7 }')).toMatchObject([{ name: 'cache', image: 'redis:7', port: 6379 }]);
    expect(needsOf('{ cache: redis }')).toMatchObject([{ port: 6379 }]);
    const text = 'services: [{ path: a }]\npackages: [{ path: e2e, needs: { queue: rabbitmq:4 } }]';
    expect(parseSubject(text).packages[0]?.needs).toMatchObject([{ name: 'queue', port: 5672 }]);
  });

  for (const env of ['POSTGRES_PASSWORD: x', 'POSTGRES_HOST_AUTH_METHOD: trust', 'POSTGRES_PASSWORD_FILE: /run/x'])
    test(`Postgres with ${env.split(':')[0]}`, () =>
      expect(needsOf(`{ db: { image: postgres, env: { ${env} } } }`)).toHaveLength(1));
});

test('install scripts are those that are allowed, whichever manager installs', async () => {
  const text = 'services: [{ path: ., name: api, scripts: [better-sqlite3, "!core-js"] }]';
  const pnpm = filesOf({ 'package.json': '{}', 'pnpm-lock.yaml': "lockfileVersion: '9.0'\n" });
  for (const files of [within(['']), pnpm]) {
    const [subject] = subjectsIn(await describeSubject(text, files)) as [Subject];
    expect(packageSets(subject).map(({ scripts }) => scripts)).toEqual([['better-sqlite3'], ['better-sqlite3']]);
  }
});

test('secrets are those of all that one lock file installs', async () => {
  const text =
    'services: [{ path: ., name: api, secrets: [NPM_TOKEN] }]\npackages: [{ path: ., name: e2e, secrets: [GH_TOKEN, NPM_TOKEN] }]';
  const [subject] = subjectsIn(await describeSubject(text, within(['']))) as [Subject];
  expect(packageSets(subject).map(({ name, secrets }) => [name, secrets])).toEqual([
    ['root', ['GH_TOKEN', 'NPM_TOKEN']],
    ['production', ['GH_TOKEN', 'NPM_TOKEN']],
  ]);
});

describe('what is installed', async () => {
  const text = 'services: [{ path: api }]\npackages: [{ path: ., name: a, lint: x }, { path: ., name: b, test: y }]';
  const [subject] = subjectsIn(await describeSubject(text, within(['api', '']))) as [Subject];
  test('each folder once, and once more what ships', () => {
    expect(packageSets(subject)).toEqual([
      { ...ALONE, name: 'root', path: '', isProduction: false },
      { ...ALONE, name: 'api', path: 'api', isProduction: false },
      { ...ALONE, name: 'production', path: 'api', isProduction: true },
    ]);
  });
  for (const [stage, sets] of [
    ['lint', ['root', 'api']],
    ['test', ['root', 'api']],
    ['build', ['api', 'production']],
    ['gate', []],
    ['install', ['root', 'api', 'production']],
  ] as const)
    test(`${stage} needs ${sets.join(', ') || 'nothing'}`, () => expect(setsFor(subject, stage)).toEqual(sets));
});

describe('several services', async () => {
  const text = 'services: [{ path: apps/api, name: api }, { path: apps/web, name: web }]\npackages: [{ path: . }]';
  const repository = await describeSubject(text, within(['apps/api', 'apps/web', '']));
  for (const [asked, subjects] of [
    [[], ['api with root', 'web with']],
    [['web'], ['web with']],
    [
      ['web', 'api'],
      ['api with root', 'web with'],
    ],
  ] as const)
    test(`asked for ${asked.join(' and ') || 'none in particular'}: ${subjects.join(', ')}`, () =>
      expect(
        subjectsIn(repository, asked).map(({ service, packages }) =>
          [service.name, 'with', ...packages.map(({ name }) => name)].join(' '),
        ),
      ).toEqual(subjects));

  test('one that is none is refused with those that are', () =>
    expect(() => subjectsIn(repository, ['wep'])).toThrow(
      expect.objectContaining({ code: 'BAD_OPTION', hint: 'there are api, web' }),
    ));
});

describe('a service of commands', async () => {
  const image = `python:3.13-slim@sha256:${'0'.repeat(64)}`;
  const about = `path: api, kind: commands, image: "${image}", start: [.venv/bin/fastapi, run]`;

  test('what is said of it; nothing of npm is looked for', async () => {
    const text = `services: [{ ${about}, build: uv sync --frozen, include: [.venv, app], test: pytest }]`;
    const [service] = (await describeSubject(text, within(['api']))).services;
    expect(service).toMatchObject({
      ...{ checks: { image }, docker: null, project: null, start: ['.venv/bin/fastapi', 'run'] },
      ...{ build: 'uv sync --frozen', include: ['.venv', 'app'], test: 'pytest', lint: null, types: null },
    });
  });

  test('commands beside a Dockerfile run in one of its stages, or in an image', () => {
    const read = (checks: string) =>
      parseSubject(`services: [{ path: api, kind: dockerfile, checks: ${checks}, test: pytest }]`).services[0]?.checks;
    expect(read('{ target: test }')).toEqual({ target: 'test' });
    expect(read(`{ image: "${image}" }`)).toEqual({ image });
  });
});

describe('a service that its Dockerfile makes', async () => {
  const text = `services:
  - path: api
    kind: dockerfile
    dockerfile: ./docker/Dockerfile
    target: runtime
    args: { VERSION: "1" }
    start: ./server --verbose
packages: [{ path: docs }]`;
  const repository = await describeSubject(text, within(['api', 'docs']));
  const [subject] = subjectsIn(repository) as [Subject];

  test('what is said of it, and that no script of a package.json is taken', () =>
    expect(subject.service).toMatchObject({
      docker: { file: 'docker/Dockerfile', target: 'runtime', args: { VERSION: '1' } },
      start: ['./server', '--verbose'],
      ...{ port: 8000, health: '/health', lint: null, types: null, test: null, build: null, project: null },
    }));

  test('by its folder alone', () =>
    expect(parseSubject('services: [{ path: api, kind: dockerfile }]').services[0]).toMatchObject({
      docker: { file: 'Dockerfile', target: '', args: {} },
      start: null,
    }));

  test('nothing is installed for it, and what lies beside it is', () => {
    expect(packageSets(subject).map(({ name }) => name)).toEqual(['docs']);
    expect([setsFor(subject, 'build'), setsFor(subject, 'test')]).toEqual([[], ['docs']]);
    expect(placesToCheck(subject).map(({ folder }) => folder)).toEqual(['docs']);
  });
});

const PINNED = `node@sha256:${'0'.repeat(64)}`;

/** What is wrong with it, the file, and what is said. */
const REFUSED = [
  ['an empty file', '', 'drydock.yaml:1: the file must be a mapping'],
  ['a list', '- path: api', 'drydock.yaml:1: the file must be a mapping'],
  ['no service', 'packages: []', 'services must name a service'],
  ['two services of one name', 'services: [{ path: x/a }, { path: y/a }]', 'two packages have the name a'],
  ['a service without a folder', 'services:\n  - name: api\n', 'drydock.yaml:2: services[0].path is missing'],
  ['a folder elsewhere', 'services: [{ path: ../other }]', 'must be a folder of this repository'],
  ['a folder of the machine', 'services: [{ path: /srv/api }]', 'must be a folder of this repository'],
  [
    'a folder as Windows writes it',
    String.raw`services: [{ path: 'apps\api' }]`,
    'must be a folder of this repository',
  ],
  ['a name with a slash', 'services: [{ path: a, name: x/y }]', 'services[0].name must be made of small letters'],
  ['a key that is none', 'services: [{ path: a, tests: x }]', 'did you mean test?'],
  ['another key of the file', 'service: [{ path: a }]', 'there is no "service"; did you mean services?'],
  ['a command that is a list', 'services: [{ path: a, test: [npm, test] }]', 'services[0].test must be a text'],
  ['a number for a path', 'services: [{ path: 3 }]', 'services[0].path must be a text'],
  ['the same name twice', 'services: [{ path: a }]\npackages: [{ path: b, name: a }]', 'two packages have the name a'],
  [
    'folders that look the same in a log',
    'services: [{ path: a/b }]\npackages: [{ path: a-b, name: c }]',
    'would have the name a-b',
  ],
  ['a folder called as what ships', 'services: [{ path: production }]', 'would have the name production'],
  ['a name that a report has taken', 'services: [{ path: logs }]', 'cannot be logs'],
  ['a port in quotes', "services: [{ path: a, port: '3000' }]", 'a whole number, 0 or more, without quotes'],
  ['no as YAML 1.1 has it', 'services: [{ path: a, lint: no }]', 'services[0].lint is a command of that name'],
  ['a port that is none', 'services: [{ path: a, port: 70000 }]', 'services[0].port must be a port'],
  ['a health that is code', `services: [{ path: a, health: "/x'+evil()+'" }]`, 'services[0].health must be a path'],
  ['something elsewhere that ships', 'services: [{ path: a, include: [../lib] }]', 'names ../lib, which is no file'],
  ['a pattern that ships', 'services: [{ path: a, include: ["*.js"] }]', 'names *.js, which is no file'],
  ['nothing that ships', 'services: [{ path: a, include: [] }]', 'must name what ships'],
  [
    'a start without a file',
    'services: [{ path: a, start: node --import ./otel.js }]',
    'must name the file that Node starts',
  ],
  ['a kind that is none', 'services: [{ path: a, kind: docker }]', 'kind cannot be "docker"; did you mean dockerfile?'],
  [
    'a build of what a Dockerfile makes',
    'services:\n  - path: a\n    kind: dockerfile\n    build: false\n',
    'drydock.yaml:4: services[0].build is for kind node or commands, not dockerfile',
  ],
  [
    'tests of it, in nothing',
    'services: [{ path: a, kind: dockerfile, test: x }]',
    'services[0].test needs to know where',
  ],
  [
    'tests of it, in two places',
    `services: [{ path: a, kind: dockerfile, checks: { target: x, image: "${PINNED}" } }]`,
    'checks must name a target or an image',
  ],
  [
    'an image by its tag',
    'services: [{ path: a, kind: commands, image: python:3, start: x }]',
    'image must have its digest',
  ],
  ['commands without an image', 'services: [{ path: a, kind: commands, start: x }]', 'image is missing'],
  ['commands that start nothing', `services: [{ path: a, kind: commands, image: "${PINNED}" }]`, 'start is missing'],
  ['an image of Node’s kind', `services: [{ path: a, image: "${PINNED}" }]`, 'image is for kind commands, not node'],
  [
    'secrets where nothing is installed',
    `services: [{ path: a, kind: commands, image: "${PINNED}", start: x, secrets: [NPM_TOKEN] }]`,
    'secrets is for kind node, not commands',
  ],
  [
    'install scripts of a Dockerfile’s packages',
    'services: [{ path: a, kind: dockerfile, scripts: [sharp] }]',
    'scripts is for kind node, not dockerfile',
  ],
  [
    'a stage without a Dockerfile',
    'services: [{ path: a, target: runtime }]',
    'target is for kind dockerfile, not node',
  ],
  [
    'a Dockerfile elsewhere',
    'services: [{ path: a, kind: dockerfile, dockerfile: ../D }]',
    'must be a file of the folder',
  ],
  [
    'an argument that is none',
    'services: [{ path: a, kind: dockerfile, args: { "a-b": x } }]',
    'names a-b, which is no',
  ],
  [
    'an argument that is a number',
    'services: [{ path: a, kind: dockerfile, args: { V: 1 } }]',
    'args.V must be a text',
  ],
  [
    'a pattern that means nothing',
    'services: [{ path: . }]\npackages:\n  - path: docs\n    ignore: ["*.md", "[z-a]"]\n',
    'drydock.yaml:4: packages[0].ignore has a syntax error in pattern "[z-a]": the range z-a is out of order',
  ],
  ['a need that is a list', 'services: [{ path: a, needs: [redis:7] }]', 'services[0].needs must be a mapping'],
  ['a need without an image', 'services: [{ path: a, needs: { db: { port: 1 } } }]', 'needs.db.image is missing'],
  ['an image that is none', 'services: [{ path: a, needs: { db: "Redis 7" } }]', 'Redis 7, which names no image'],
  ['an image elsewhere', 'services: [{ path: a, needs: { db: { image: ../x, port: 1 } } }]', 'names no image'],
  ['a port that nobody knows', 'services: [{ path: a, needs: { db: acme/db:1 } }]', 'needs.db must say its port'],
  [
    'a port of a need that is none',
    'services: [{ path: a, needs: { db: { image: redis, port: 0 } } }]',
    'must be a port',
  ],
  ['a host that is none', 'services: [{ path: a, needs: { My_db: redis } }]', 'the name of a host'],
  ['a host that smoke has', 'services: [{ path: a, needs: { app: redis } }]', 'app is the name of another host'],
  [
    'Postgres without a password',
    'services:\n  - path: a\n    needs:\n      db: postgres:17\n',
    'drydock.yaml:4: services[0].needs.db must have POSTGRES_PASSWORD or POSTGRES_HOST_AUTH_METHOD',
  ],
  ['a slip in a need', 'services: [{ path: a, needs: { db: { image: redis, prot: 1 } } }]', 'did you mean port?'],
  ['a variable that is drydock’s', 'services: [{ path: a, env: { PORT: "1" } }]', 'env cannot say PORT'],
  ['a variable that has no name', 'services: [{ path: a, env: { "a-b": x } }]', 'a-b is no name of a variable'],
  ['a variable that is a flag', 'services: [{ path: a, env: { DEBUG: true } }]', 'env.DEBUG must be a text'],
  ['a secret itself', 'services: [{ path: a, secrets: [npm_abc-def] }]', 'cannot be the variable of a secret'],
  [
    'a setting as a secret',
    'services: [{ path: a, secrets: [npm_config_ignore_scripts] }]',
    'services[0].secrets names',
  ],
  ['a script that is a command', 'services: [{ path: a, scripts: [npm rebuild] }]', 'which is no package'],
  ['a tab for a space', 'services:\n\t- path: a', 'drydock.yaml:2: '],
  ['an alias', 'services: [&a { path: a }]\npackages: [*a]', 'an alias hides what is meant'],
  ['the same key twice', 'services: []\nservices: [{ path: a }]', 'this name stands here a second time'],
] as const;

describe('what is refused', () => {
  for (const [name, text, message] of REFUSED) test(name, () => expect(() => parseSubject(text)).toThrow(message));
});

describe('the published schema, which editors complete the file by', () => {
  const isValid = new Ajv({ allErrors: true }).compile(
    JSON.parse(readFileSync(new URL('../../drydock.schema.json', import.meta.url), 'utf8')),
  );
  /** What only all entries together, or the text itself, are wrong in. */
  const BEYOND =
    /(without a password|\w+ name|means nothing|report has taken|start without a file|look the same|what ships|tab|alias|same key)/;

  for (const [name, text] of REFUSED.filter(([name]) => !BEYOND.test(name)))
    test(`refuses ${name}`, () => expect(isValid(parse(text))).toBe(false));

  for (const text of [
    'services: [{ path: . }]',
    'services: [{ path: ./apps/api/, name: api, port: 3000, health: /up, build: make, lint: false, types: x, test: y }]',
    'services: [{ path: a, kind: dockerfile, dockerfile: d/Dockerfile, target: x, args: { V: "1" }, start: [./a], port: 1 }]',
    `services: [{ path: a, kind: dockerfile, checks: { image: "${PINNED}" }, lint: x, types: false }]`,
    `services: [{ path: a, kind: commands, image: "${PINNED}", start: ./a b, build: x, include: [b], test: y }]`,
    'services: [{ path: a, kind: dockerfile, lint: false }]',
    'services: [{ path: a, env: { A: "", B: 1 }, needs: { c: redis, d: { image: mysql:8, env: { MYSQL_ROOT_PASSWORD: x } } } }]',
    'services: [{ path: a, secrets: [NPM_TOKEN, NODE_AUTH_TOKEN], scripts: [better-sqlite3, "@prisma/client", "!core-js"] }]',
    'services: [{ path: a, needs: { s: { image: "localhost:5000/a/b_c:1", port: 9200, command: [-x] } } }]',
    'services: [{ path: a..b }]\npackages: [{ path: docs, ignore: ["**/*.md"] }]',
    readFileSync(new URL('../../../drydock.yaml', import.meta.url), 'utf8'),
  ])
    test(`takes ${text.split('\n')[0]}`, () => {
      expect(() => parseSubject(text)).not.toThrow();
      expect([isValid(parse(text)), isValid.errors]).toEqual([true, null]);
    });
});
