// The module as Dagger sees it: its own introspection reads every public function, and what it finds is what the command line takes.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { preProcessFile } from 'typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  loadParentState,
  loadResult,
} from '../../../node_modules/@dagger.io/dagger/dist/src/module/entrypoint/load.js';
import { Executor } from '../../../node_modules/@dagger.io/dagger/dist/src/module/executor.js';
import { scan } from '../../../node_modules/@dagger.io/dagger/dist/src/module/introspector/index.js';
import { DAGGER_VERSION } from '../../cli/engine.ts';
import { FUNCTION_NAMES, FUNCTIONS, isFunction, type OptionName, optionInfo, optionsOf } from '../../cli/functions.ts';
import { Ci } from '../../src/index.ts';
import { renderFunctions, toOption } from '../functions-page.ts';
import { leftOut, makeModule } from '../module-folder.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const json = (path: string) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));

type Module = Awaited<ReturnType<typeof scan>>;
let module: Module;
const folder = mkdtempSync(join(tmpdir(), 'drydock-module-'));
afterAll(() => rmSync(folder, { recursive: true }));

let sources: string[];
beforeAll(async () => {
  sources = makeModule(folder);
  module = await scan(sources, json('dagger.json').name, false);
}, 120_000);

const functionsOf = (name: string) => module.objects[name]?.methods ?? {};
/** What `dagger check` runs: these say nothing but yes or no, and have no door of their own on the laptop. */
const CHECKS = ['checkLint', 'checkTest', 'checkGate'];
const callable = () => Object.entries(functionsOf('Ci')).filter(([name]) => !CHECKS.includes(name));
const shared = () => Object.values(module.objects.Ci?._constructor?.arguments ?? {});

test('Dagger finds the module’s objects, and no more', () => {
  expect(Object.keys(module.objects).sort()).toEqual(['Ci', 'Run']);
  // What all functions share is handed on, and shown to nobody.
  const state = Object.values(module.objects.Ci?.properties ?? {});
  expect(state.map(({ name, isExposed, type }) => [name, isExposed, type?.kind])).toEqual([
    ['source', false, 'OBJECT_KIND'],
    ['repo', false, 'OBJECT_KIND'],
    ['images', false, 'OBJECT_KIND'],
    ['mirror', false, 'LIST_KIND'],
    ['strict', false, 'BOOLEAN_KIND'],
    ['services', false, 'LIST_KIND'],
    ['secrets', false, 'LIST_KIND'],
  ]);
  expect(Object.keys(module.objects.Run?.properties ?? {})).toEqual(['report', 'exitCode']);
});

test('what was not given to the constructor is not there in a function either', async () => {
  const handle = (id: string) => ({ id: async () => id });
  const executor = new Executor([await import('../../src/index.ts')] as never, module);
  const given = { source: 'the source', repo: 'the repository' };
  const built = new Ci(handle('the source') as never, handle('the repository') as never, undefined);
  const kept = await loadResult(built, module, module.objects.Ci as never);
  expect(JSON.parse(JSON.stringify(kept))).toEqual({ ...given, mirror: [], strict: false, services: [], secrets: [] });
  const state = await loadParentState(
    executor,
    module.objects.Ci as never,
    { parentArgs: { strict: true, mirror: [] } } as never,
  );
  expect((executor.buildClass('Ci', state) as Ci).images).toBeUndefined();
});

// sdk/typescript/runtime of Dagger: `tsx --no-deprecation --tsconfig … __dagger.entrypoint.ts`, in a folder that has nothing to do with the module.
test('it is loaded with its own compiler settings, and the SDK that Dagger generates', async () => {
  const SDK_MODULE = '../../../node_modules/@dagger.io/dagger/dist/src/module';
  const at = (path: string) => JSON.stringify(new URL(`${SDK_MODULE}/${path}`, import.meta.url).href);
  const entrypoint = join(folder, 'src/__dagger.entrypoint.ts');
  writeFileSync(
    entrypoint,
    `import * as generated from '@dagger.io/dagger';
    import { load } from ${at('entrypoint/load.js')};
    import { Executor } from ${at('executor.js')};
    import { scan } from ${at('introspector/index.js')};
    const files = ${JSON.stringify(sources)};
    const module = await scan(files, 'ci', false);
    const executor = new Executor(await load(files.slice(0, -1)), module);
    const ci = executor.buildClass('Ci', { strict: true });
    console.log(JSON.stringify({
      isGenerated: !('ExecError' in generated),
      strict: ci.strict,
      functions: Object.keys(module.objects.Ci.methods).filter((name) => typeof ci[name] === 'function'),
    }));
    `,
  );
  const scratch = mkdtempSync(join(folder, 'scratch-'));
  const tsx = fileURLToPath(import.meta.resolve('tsx/cli'));
  const words = [tsx, '--no-deprecation', '--tsconfig', join(folder, 'tsconfig.json'), entrypoint];
  const said = await promisify(execFile)(process.execPath, words, { cwd: scratch });
  rmSync(entrypoint);
  expect(said.stderr).toBe('');
  expect(JSON.parse(said.stdout)).toEqual({
    isGenerated: true,
    strict: true,
    functions: Object.keys(functionsOf('Ci')),
  });
}, 300_000);

test('every function has a description and a type that Dagger knows, and so has each of its arguments', () => {
  expect(Object.keys(functionsOf('Ci')).length).toBeGreaterThan(8);
  for (const [name, { description, returnType, arguments: given }] of Object.entries(functionsOf('Ci'))) {
    expect(description, name).not.toBe('');
    expect(returnType?.kind, name).toMatch(CHECKS.includes(name) ? /^VOID_KIND$/ : /^(OBJECT|STRING)_KIND$/);
    for (const argument of Object.values(given)) expect(argument.type?.kind, `${name} ${argument.name}`).toBeDefined();
  }
});

test('what a function is not given is empty or absent: none has to be given but the verdict to explain', () => {
  for (const [name, { arguments: given }] of Object.entries(functionsOf('Ci'))) {
    const required = Object.values(given).filter(
      ({ isOptional, isNullable, defaultValue, defaultPath }) =>
        !isOptional && !isNullable && defaultValue === undefined && defaultPath === undefined,
    );
    expect(
      required.map((argument) => argument.name),
      name,
    ).toEqual(REQUIRED[name] ?? []);
  }
});
const REQUIRED: Readonly<Record<string, string[]>> = { explain: ['verdict'] };

// ------------------------------------------------------------------------------------------------------ two doors

/** The repository and its services: the command line knows them by itself. */
const FILLED_IN = ['source', 'repo', 'vuln-db-service', 'registry-service'];
/** About the terminal, the engine, the disk and the Docker Engine of a laptop. */
const LAPTOP = [
  'engine',
  'offline',
  'step-timeout',
  'host-port',
  'output',
  'json',
  'progress',
  'verbose',
  'help',
  'version',
  'runtime',
];

test('both doors know the same functions', () => {
  const laptopOnly = [
    'images',
    'doctor',
    'check',
    'init',
    'add',
    'update',
    'run',
    'engine',
    'completion',
    'watch',
    'pins',
    'up',
    'down',
    'times',
    'runs',
    'open',
    'warm',
    'replay',
    'diff',
    'bisect',
    'reproduce',
    'shell',
  ];
  const shared = FUNCTION_NAMES.filter((name) => !laptopOnly.includes(name));
  expect(
    callable()
      .map(([name]) => name)
      .sort(),
  ).toEqual(shared.sort());
});

test('both doors take the same arguments', () => {
  const ofAll = shared().map(({ name }) => toOption(name));
  expect(ofAll).toEqual(['source', 'repo', 'images', 'mirror', 'strict', 'services', 'secrets']);
  for (const [name, { arguments: given }] of callable()) {
    const ofModule = Object.keys(given)
      .map(toOption)
      .filter((argument) => !FILLED_IN.includes(argument));
    const own = (option: OptionName) => !LAPTOP.includes(option) && !ofAll.includes(option);
    const ofLaptop = isFunction(name) ? optionsOf(name).filter(own) : [];
    expect(ofModule.sort(), name).toEqual([...ofLaptop].sort());
  }
});

test('both doors say the same of a function and of each of its arguments', () => {
  expect(shared().find(({ name }) => name === 'images')?.description).toBe(optionInfo('images').summary);
  expect(shared().find(({ name }) => name === 'mirror')?.description).toBe(optionInfo('mirror').summary);
  expect(shared().find(({ name }) => name === 'secrets')?.description).toBe(optionInfo('secrets').summary);
  expect(shared().find(({ name }) => name === 'strict')?.description).toBe(optionInfo('strict').summary);
  for (const [name, { description, arguments: given }] of callable()) {
    if (!isFunction(name)) throw new Error(`${name} is no function of the command line`);
    const summary = FUNCTIONS[name].summary.replace(' (the default)', '');
    expect(description, name).toBe(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`);
    for (const argument of Object.values(given)) {
      const option = toOption(argument.name);
      const said = FILLED_IN.includes(option)
        ? expect.stringMatching(/^\w.{10,}$/)
        : optionInfo(option as OptionName).summary;
      expect(argument.description, `${name} ${option}`).toEqual(said);
    }
  }
});

test('a default that is said is the default that Dagger takes', () => {
  for (const [name, { arguments: given }] of Object.entries(functionsOf('Ci'))) {
    for (const { name: argument, description, defaultValue } of Object.values(given)) {
      const said = /\(default ([^):]+)/.exec(description)?.[1];
      if (said !== undefined) expect([defaultValue].flat(), `${name} ${argument}`).toEqual([said]);
    }
  }
});

test('docs/functions.md shows both doors as they are (-u writes it)', async () => {
  await expect(renderFunctions(module)).toMatchFileSnapshot(join(ROOT, 'docs/functions.md'));
});

// --------------------------------------------------------------------------------------- what a call needs beside it

test('the manifest is of the version that is pinned everywhere', () => {
  expect(json('dagger.json')).toEqual({
    name: 'ci',
    engineVersion: `v${DAGGER_VERSION}`,
    sdk: { source: 'typescript' },
    source: 'pipeline',
    include: expect.any(Array),
  });
  expect(json('package.json').devDependencies['@dagger.io/dagger']).toBe(DAGGER_VERSION);
});

test('what Dagger does not upload is there, and no source that it imports needs it', () => {
  expect(json('dagger.json').include.filter((pattern: string) => !pattern.startsWith('!pipeline/'))).toEqual([]);
  expect(leftOut().filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  const missing = sources
    .filter((source) => source.startsWith(join(folder, 'src')))
    .flatMap((source) =>
      preProcessFile(readFileSync(source, 'utf8'))
        .importedFiles.filter(({ fileName }) => fileName.startsWith('.'))
        .map(({ fileName }) => resolve(source, '..', fileName)),
    )
    .filter((imported) => !existsSync(imported));
  expect(missing).toEqual([]);
});

test('the module’s compiler settings find the generated SDK where Dagger puts it', () => {
  const { compilerOptions, include } = json('pipeline/tsconfig.json');
  expect(compilerOptions).toMatchObject({
    experimentalDecorators: true,
    moduleResolution: 'Bundler',
    paths: { '@dagger.io/dagger': ['./sdk/index.ts'], '@dagger.io/dagger/telemetry': ['./sdk/telemetry.ts'] },
  });
  expect(include).toEqual(['src']);
});
