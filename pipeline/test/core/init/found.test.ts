// What a look at a repository finds of its service, in programs as their documentation shows them, and what drydock.yaml then says.
import { describe, expect, test } from 'vitest';
import { chooseService } from '../../../src/core/init/choose.ts';
import type { InitFacts } from '../../../src/core/init/facts.ts';
import { lookAt } from '../../../src/core/init/found.ts';
import { subjectFile } from '../../../src/core/init/subject-file.ts';
import { parseSubject } from '../../../src/core/subject-file.ts';

type Given = { scripts?: Record<string, string>; source?: string; dockerfile?: string; folder?: string };

const USUAL = { folder: '', isUsual: true, others: [] };

function factsOf({ scripts = {}, source = '', dockerfile, folder = '' }: Given): InitFacts {
  return {
    candidates: [{ folder, manifest: JSON.stringify({ name: 'a', scripts }) }],
    entries: [],
    workspaces: [],
    sources: [{ file: 'src/server.ts', text: source }],
    names: [],
    dockerfile: dockerfile === undefined ? null : { file: 'Dockerfile', text: dockerfile },
    compose: null,
    nodeFiles: [],
  };
}
const look = (given: Given) => lookAt(factsOf(given), { ...USUAL, folder: given.folder ?? '' });

describe('the port', () => {
  const rows: [name: string, given: Given, port: number | null, from?: string][] = [
    [
      'Express, hello world',
      { source: 'const app = express()\nconst port = 3000\n\napp.listen(port, () => {})' },
      3000,
      'src/server.ts:2',
    ],
    ['express-generator', { source: "var port = normalizePort(process.env.PORT || '3000');" }, 3000, 'src/server.ts:1'],
    ['Nest', { source: 'await app.listen(process.env.PORT ?? 3000);' }, 3000, 'src/server.ts:1'],
    ['Koa', { source: 'app.use(async ctx => {});\napp.listen(3001);' }, 3001, 'src/server.ts:2'],
    ['Fastify', { source: 'fastify.listen({ port: 3000 }, function (err, address) {' }, 3000, 'src/server.ts:1'],
    ['Hono', { source: 'serve({\n  fetch: app.fetch,\n  port: 8787,\n})' }, 8787, 'src/server.ts:1'],
    [
      'a Dockerfile before the program',
      { source: 'app.listen(3000)', dockerfile: 'FROM node\nEXPOSE 8080/tcp\n' },
      8080,
      'Dockerfile:2',
    ],
    ['a script', { scripts: { start: 'PORT=5000 node dist/server.js' } }, 5000, 'package.json'],
    [
      "a database's is not it",
      { source: "const pool = { host: 'db', port: 5432 }; const x = process.env.DB_PORT || 3306;" },
      null,
    ],
    ['the base of a number is none', { source: 'port: parseInt(process.env.PORT, 10),' }, null],
    ['a default behind a comma', { source: "const port = env.get('PORT', 4000)" }, 4000, 'src/server.ts:1'],
    ['no such port', { source: 'app.listen(99999)' }, null],
    ['nothing', {}, null],
  ];
  test.each(rows)('%s', (_, given, port, from) => {
    expect(look(given).port).toEqual(port === null ? null : { value: port, from });
  });
});

describe('the path of health', () => {
  const rows: [name: string, given: Given, path: string | null][] = [
    ['Kubernetes’ usual one', { source: "app.get('/healthz', (req, res) => res.send('ok'))" }, '/healthz'],
    ['below a prefix', { source: 'router.get("/api/v1/health", handler)' }, '/api/v1/health'],
    [
      'Docker’s HEALTHCHECK',
      { dockerfile: 'HEALTHCHECK --interval=5m \\\n  CMD curl -f http://localhost:3000/status || exit 1' },
      '/status',
    ],
    ['the root, where nothing else was seen', { source: "app.get('/', (req, res) => {})" }, '/'],
    ['a router, which may be below anything', { source: "router.get('/', (req, res) => {})" }, null],
    ['it before the root', { source: "app.get('/', a)\napp.get('/livez', b)" }, '/livez'],
    ['nothing', { source: "app.get('/users', a)" }, null],
  ];
  test.each(rows)('%s', (_, given, path) => expect(look(given).health?.value ?? null).toBe(path));
});

describe('drydock.yaml', () => {
  const rows: [name: string, given: Given, says: string | null][] = [
    [
      'nothing where all is usual',
      { scripts: { build: 'tsc', test: 'vitest' }, source: "app.get('/health', a); app.listen(8000)" },
      null,
    ],
    [
      'the port alone',
      { scripts: { build: 'tsc' }, source: 'app.listen(3000)' },
      'services:\n  - path: .\n    port: 3000\n',
    ],
    [
      'scripts by other names, and none that npm init wrote',
      { scripts: { compile: 'tsc', typecheck: 'tsc --noEmit', test: 'echo "Error: no test specified" && exit 1' } },
      'services:\n  - path: .\n    types: npm run --silent typecheck\n    test: false\n    build: npm run --silent compile\n',
    ],
  ];
  test.each(rows)('%s', (_, given, says) => {
    const text = subjectFile(look(given));
    expect(text?.replace(/^#.*\n/, '') ?? null).toBe(says);
    if (text !== null) expect(text).toMatch(/^# /);
  });

  test('what it says is read as it was meant, for whatever folder', () => {
    for (const folder of ['apps/api', 'a: b', '- x', "it's", '#1', 'true', '0x10', 'null']) {
      const found = lookAt(factsOf({ folder, source: "app.get('/up/healthz', a); app.listen(3000)" }), {
        folder,
        isUsual: false,
        others: [],
      });
      const {
        services: [service],
      } = parseSubject(subjectFile(found) ?? '');
      expect(service).toMatchObject({ path: folder, port: 3000, health: '/up/healthz' });
    }
  });
});

describe('which package is the service', () => {
  const express = JSON.stringify({ dependencies: { express: '5' }, scripts: { start: 'node dist/index.js' } });
  const rows: [
    name: string,
    manifests: Record<string, string>,
    workspaces: string[],
    folder: string | null,
    others?: string[],
  ][] = [
    ['the root', { '': '{}' }, [], ''],
    ['service/ before the root', { '': express, service: '{}' }, [], 'service'],
    [
      'a workspace of a root that holds them together',
      { '': '{}', 'apps/api': express, 'packages/ui': '{}' },
      ['apps/*'],
      'apps/api',
    ],
    [
      'a package where the root is only for tools',
      { '': '{"devDependencies":{"eslint":"9"}}', backend: express },
      [],
      'backend',
    ],
    ['the root, if it is a server itself', { '': express, 'tools/x': express }, [], ''],
    ['the first of two', { 'apps/web': express, 'apps/api': express }, [], 'apps/api', ['apps/web']],
    ['none', { 'packages/ui': '{}' }, [], null],
    ['no package at all', {}, [], null],
    ['a manifest that cannot be read', { '': '{' }, [], ''],
  ];
  test.each(rows)('%s', (_, manifests, workspaces, folder, others = []) => {
    const candidates = Object.entries(manifests).map(([path, manifest]) => ({ folder: path, manifest }));
    const choice = chooseService(candidates, workspaces);
    expect(choice?.folder ?? null).toBe(folder);
    if (choice !== null) expect(choice.others).toEqual(others);
  });
});
