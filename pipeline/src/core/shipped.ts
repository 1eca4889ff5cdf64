// What of a service's folder goes into its image, as its build left it.
import type { ServicePackage } from './package.ts';

/** Of the folder as its build left it; its packages come from elsewhere. */
export function shipped({ include, build, project }: ServicePackage): { include?: string[]; exclude?: string[] } {
  const paths = include ?? (build === null || project === null ? null : ['dist']);
  if (paths !== null) return { include: paths.flatMap((path) => [path, `${path}/**`]), exclude: ['node_modules'] };
  return { exclude: NOT_SHIPPED };
}

/** What no program reads where it runs: files of the tools around it, and its tests. */
const NOT_SHIPPED = [
  ...[
    'node_modules',
    'package-lock.json',
    'yarn.lock',
    'pnpm-lock.yaml',
    'bun.lock',
    'bunfig.toml',
    '.*',
    'drydock.yaml',
    'Dockerfile',
  ],
  ...['docker-compose*', 'README.md', 'test', 'tests', '**/__tests__', 'policy', 'out'],
  ...['js', 'cjs', 'mjs'].flatMap((end) => [`**/*.test.${end}`, `**/*.spec.${end}`]),
];
