// The module's folder as Dagger's TypeScript runtime gets it: what dagger.json leaves of pipeline/, and the generated client beside it.
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as npmSdk from '@dagger.io/dagger';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const UNTRACKED = ['pipeline/node_modules', 'pipeline/sdk'];

/** Paths below the root that Dagger does not upload: each pattern names a file or a folder. */
export function leftOut(): string[] {
  const { include } = JSON.parse(readFileSync(join(ROOT, 'dagger.json'), 'utf8')) as { include: string[] };
  return include.map((pattern) => pattern.replace(/^!/, ''));
}

/** Makes the folder, and returns the files that Dagger reads types from and imports at each call. */
export function makeModule(folder: string): string[] {
  const absent = [...UNTRACKED, ...leftOut()];
  cpSync(join(ROOT, 'pipeline'), folder, {
    recursive: true,
    filter: (path) => !absent.includes(relative(ROOT, path)),
  });
  return addClient(folder);
}

/** What npm's SDK has, and the bundle that Dagger puts beside a module does not. */
const NOT_IN_BUNDLE = ['ExecError', 'up'];

/** Dagger generates `client.gen.ts` beside a module, and looks for core types in files of that name; npm has its declarations. */
export function addClient(folder: string): string[] {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const generated = join(folder, 'sdk/src/api/client.gen.ts');
  mkdirSync(join(generated, '..'), { recursive: true });
  copyFileSync(join(ROOT, 'node_modules/@dagger.io/dagger/dist/src/api/client.gen.d.ts'), generated);
  const sdk = import.meta.resolve('@dagger.io/dagger');
  const names = Object.keys(npmSdk).filter((name) => !NOT_IN_BUNDLE.includes(name));
  writeFileSync(join(folder, 'sdk/index.ts'), `export { ${names.join(', ')} } from ${JSON.stringify(sdk)};\n`);
  writeFileSync(join(folder, 'sdk/telemetry.ts'), "export * from './index.ts';\n");
  const sources = readdirSync(join(folder, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, 'src', name));
  return [...sources, generated];
}
