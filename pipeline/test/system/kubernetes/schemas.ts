// Holds Kubernetes objects against the published schemas: by types, which know no field that is not there, and by validators,
// which know patterns and ranges.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { $ } from 'zx';
import { KUBERNETES_MODELS, unpackNpmPackage } from '../packages.ts';
import { ROOT, temporaryFolder } from '../support.ts';

export type Resource = { apiVersion: string; kind: string; metadata: { name: string } };

/** A folder with the models in its node_modules. */
export async function unpackModels(): Promise<string> {
  const folder = await temporaryFolder('kubernetes');
  for (const pin of KUBERNETES_MODELS) await unpackNpmPackage(pin, join(folder, 'node_modules', pin.name));
  await symlink(join(ROOT, 'node_modules/ajv'), join(folder, 'node_modules/ajv'));
  return folder;
}

function modelOf({ apiVersion, kind }: Resource): string {
  const [group = ''] = apiVersion.split('/');
  const owner = group.endsWith('.fluxcd.io')
    ? '@kubernetes-models/flux-cd'
    : ({
        'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
        'argoproj.io': '@kubernetes-models/argo-cd',
      }[group] ?? 'kubernetes-models');
  return `${owner}/${apiVersion}/${kind}`;
}

/** What the compiler says of the objects as literals of their types: fields that are missing, wrong or unknown. */
export async function typeFaults(folder: string, resources: readonly Resource[]): Promise<string> {
  const lines = resources.flatMap((resource, index) => [
    `import type { I${resource.kind} as I${index} } from '${modelOf(resource)}';`,
    `export const r${index}: I${index} = ${JSON.stringify(resource, null, 1)};`,
  ]);
  await writeFile(join(folder, 'resources.ts'), lines.join('\n'));
  const compilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    module: 'esnext',
    moduleResolution: 'bundler',
    types: [],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['resources.ts'] }));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  return (await $({ cwd: folder, nothrow: true, quiet: true })`${process.execPath} ${tsc} -p .`).stdout.trim();
}

/** Packages that are not needed: formats that no object here has, and RE2, whose one peculiarity here is how it ignores case. */
const ABSENT: Readonly<Record<string, string>> = {
  'ajv-formats-draft2019/formats/index.js': 'export default {}',
  'is-cidr': 'export default () => 1',
  're2-wasm': `export class RE2 extends RegExp {
    constructor(pattern, flags) { super(pattern.replaceAll('(?i)', ''), pattern.includes('(?i)') ? flags + 'i' : flags); }
  }`,
  'ajv-i18n/localize/en/index.js':
    'export default (errors) => { for (const error of errors ?? []) error.message = error.keyword; }',
};
const withoutAbsent: Plugin = {
  name: 'absent',
  setup(bundler) {
    bundler.onResolve({ filter: /.*/ }, ({ path }) => (path in ABSENT ? { path, namespace: 'absent' } : null));
    bundler.onLoad({ filter: /.*/, namespace: 'absent' }, ({ path }) => ({ contents: ABSENT[path] ?? '' }));
  },
};

/** What the validators say, one line for an object that is not valid. */
export async function schemaFaults(folder: string, resources: readonly Resource[]): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const models = [...new Map(resources.map((resource) => [modelOf(resource), resource.kind]))];
  const entry = models.map(([path, kind], index) => `export { ${kind} as m${index} } from '${path}';`).join('\n');
  await writeFile(join(folder, 'models.js'), entry);
  const outfile = join(folder, 'models.bundle.mjs');
  const bundling = { bundle: true, format: 'esm', platform: 'node', logLevel: 'error' } as const;
  await build({ ...bundling, entryPoints: [join(folder, 'models.js')], outfile, plugins: [withoutAbsent] });
  const bundle = (await import(`${pathToFileURL(outfile)}?${Date.now()}`)) as Record<
    string,
    new (
      data: Resource,
    ) => { validate(): void }
  >;
  return resources.flatMap((resource) => {
    const Model = bundle[`m${models.findIndex(([path]) => path === modelOf(resource))}`];
    if (Model === undefined) return [`${resource.kind}: no schema`];
    try {
      new Model(resource).validate();
      return [];
    } catch (error) {
      return [`${resource.kind} ${resource.metadata.name}: ${error instanceof Error ? error.message : error}`];
    }
  });
}
