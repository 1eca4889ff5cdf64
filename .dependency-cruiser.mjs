// Who may import what, as ARCHITECTURE.md draws it. Every import counts: of a type, by import() and by require() as well.

const SHARED = '^pipeline/src/(?!index\\.)[^/]+$';
const packages = (...names) => `(^|/)node_modules/(${names.join('|')})/`;
const SDK = '@dagger\\.io/dagger';

/** What an area may import beside itself and Node. Tests and benchmarks are none: theirs is everything but the service. */
const AREAS = {
  core: {
    is: '^pipeline/src/core/',
    may: ['^pipeline/src/(command|pins|suggest|oci/wildcards)\\.', '^pipeline/src/dockerfile/', packages('yaml')],
  },
  dockerfile: { is: '^pipeline/src/dockerfile/', may: [] },
  oci: { is: '^pipeline/src/oci/', may: [] },
  probes: { is: '^pipeline/src/probes/', may: [] },
  shared: { is: SHARED, may: [] },
  stages: { is: '^pipeline/src/stages/', may: ['^pipeline/src/(core|oci)/', SHARED, packages(SDK)] },
  module: { is: '^pipeline/src/index\\.', may: ['^pipeline/src/(core|stages)/', packages(SDK)] },
  cli: {
    is: '^pipeline/cli/',
    may: ['^pipeline/src/(core|oci|stages)/', SHARED, packages(SDK, '@opentelemetry/[^/]+', 'zx')],
  },
  engine: {
    is: '^pipeline/engine/',
    may: [
      '^pipeline/(bin/bundle\\.mjs|package\\.json)$',
      '^pipeline/src/(oci|dockerfile)/',
      '^pipeline/src/(command|duration|process-name|program-folders|suggest)\\.',
      packages('graphql', 'ignore', 'xz-decompress'),
    ],
  },
  bin: { is: '^pipeline/bin/', may: [packages('esbuild')] },
  deploy: { is: '^deploy/', may: ['^pipeline/src/core/', packages('yaml')] },
  monitoring: { is: '^monitoring/', may: ['^pipeline/src/probes/metrics\\.'] },
};

const forbidden = Object.entries(AREAS).map(([name, { is, may }]) => ({
  name: `beyond ${name}`,
  from: { path: is },
  to: { pathNot: [is, ...may], dependencyTypesNot: ['core'] },
}));

export default {
  forbidden: [
    ...forbidden,
    { name: 'tool to service', from: { pathNot: '^service/' }, to: { path: '^service/' } },
    { name: 'service to tool', from: { path: '^service/' }, to: { pathNot: '^service/', dependencyTypes: ['local'] } },
    {
      // Packages that the module imports are in pipeline/package.json, and come with it; the SDK comes from Dagger.
      name: 'not with the module',
      from: { path: '^pipeline/src/' },
      to: { pathNot: packages(SDK), dependencyTypes: ['npm-dev', 'npm-no-pkg'] },
    },
    { name: 'circle', from: {}, to: { circular: true } },
  ].map((rule) => ({ ...rule, severity: 'error' })),
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['^pipeline/test/fixtures/', '^(pipeline/|service/)?(out|dist|coverage|sdk)/'] },
  },
};
