// The contract with the service: what the pipeline may rely on, and the image that follows from it.
import { PipelineError, reasonOf } from './errors.ts';
import { fileOf, type ServicePackage } from './package.ts';
import { isRecord, recordOf } from './record.ts';
import { type Start, startsOf } from './start.ts';

/** Whoever puts another service in its place keeps to these. */
export const SERVICE = {
  /** Where it stands in the image. */
  target: '/app',
  /** Distroless's `nonroot`, as a number: Kubernetes can check nothing else. */
  user: '65532:65532',
  node: '/nodejs/bin/node',
  /** Used as the image's healthcheck if the build wrote it. */
  healthcheck: 'dist/healthcheck.js',
} as const;

/** Of an image that a Dockerfile made: the path that answers 200. Its deployment may know nothing of the repository. */
export const HEALTH_LABEL = 'dev.drydock.health';

export type ServiceManifest = {
  name: string;
  version: string;
  /** The first whose file is in the image. */
  starts: Start[];
  license: string | null;
  repository: string | null;
  description: string | null;
};

/** What the image takes from the service's package.json. */
export function parseServiceManifest(
  text: string | null,
  service: Pick<ServicePackage, 'path' | 'name' | 'start'>,
): ServiceManifest {
  const where = fileOf(service, 'package.json');
  const raw = text === null ? {} : parseObject(text, where);
  return {
    name: textOf(raw.name) ?? service.name,
    version: textOf(raw.version) ?? '0.0.0',
    starts: startsOf(raw, service.start),
    license: textOf(raw.license),
    repository: textOf(raw.repository) ?? textOf(recordOf(raw.repository).url),
    description: textOf(raw.description),
  };
}

export type SpecInputs = Pick<ServicePackage, 'port' | 'health'> & {
  manifest: ServiceManifest;
  start: Start;
  pin: string;
  archives: string[];
  app: string;
  platforms: string[];
  mirrors: string[];
  offline: boolean;
  hasHealthcheck: boolean;
};

/** What the image is called in its archive. */
export const repoTagOf = ({ name, version }: Pick<ServiceManifest, 'name' | 'version'>): string =>
  `${repositoryOf(name)}:${version.replace(/[^\w.-]/g, '_')}`;

/** The spec that src/oci/assemble.ts takes. Only content goes in: no clock, no commit, so equal content is an equal digest. */
export function imageSpec(inputs: SpecInputs): Record<string, unknown> {
  const { manifest, pin, archives, app, platforms, mirrors, offline } = inputs;
  return {
    base: { pin, archives, mirrors, offline },
    app,
    target: SERVICE.target,
    platforms,
    repoTag: repoTagOf(manifest),
    user: SERVICE.user,
    entrypoint: [SERVICE.node, ...inputs.start.words],
    cmd: [],
    env: { NODE_ENV: 'production', PORT: String(inputs.port) },
    workdir: SERVICE.target,
    ports: [`${inputs.port}/tcp`],
    labels: labelsOf(manifest),
    healthcheck: {
      test: ['CMD', SERVICE.node, ...healthArguments(inputs)],
      interval: 10 * SECOND,
      timeout: 3 * SECOND,
      startPeriod: 10 * SECOND,
      retries: 3,
    },
    stopSignal: 'SIGTERM',
  };
}

export type OwnSpecInputs = Pick<
  SpecInputs,
  'manifest' | 'archives' | 'app' | 'platforms' | 'mirrors' | 'port' | 'health'
> & {
  image: string;
  start: readonly string[];
};

/** Of what commands made, on the image that they ran in. Of that nothing is known but how it is started. */
export function ownSpec(inputs: OwnSpecInputs): Record<string, unknown> {
  const { manifest, image, archives, app, platforms, mirrors, port, health } = inputs;
  return {
    base: { pin: image, archives, mirrors, offline: false },
    app,
    target: SERVICE.target,
    platforms,
    repoTag: repoTagOf(manifest),
    user: SERVICE.user,
    entrypoint: inputs.start,
    cmd: [],
    env: { PORT: String(port) },
    workdir: SERVICE.target,
    ports: [`${port}/tcp`],
    labels: { ...labelsOf(manifest), [HEALTH_LABEL]: health },
    stopSignal: 'SIGTERM',
  };
}

const SECOND = 1_000_000_000;

/** No shell and no curl in the image: Node itself asks. */
function healthArguments({ hasHealthcheck, port, health }: SpecInputs): string[] {
  if (hasHealthcheck) return [SERVICE.healthcheck];
  const url = `http://127.0.0.1:${port}${health}`;
  return [
    '-e',
    `fetch('${url}', { redirect: 'manual' }).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))`,
  ];
}

export function labelsOf(manifest: ServiceManifest): Record<string, string> {
  const optional = {
    'org.opencontainers.image.source': sourceUrl(manifest.repository),
    'org.opencontainers.image.licenses': manifest.license,
    'org.opencontainers.image.description': manifest.description,
  };
  return {
    'org.opencontainers.image.title': manifest.name,
    'org.opencontainers.image.version': manifest.version,
    ...Object.fromEntries(Object.entries(optional).filter((entry): entry is [string, string] => entry[1] !== null)),
  };
}

/** npm writes `git+https://….git` and `github:owner/name`; people click on `https://…`. */
function sourceUrl(repository: string | null): string | null {
  if (repository === null) return null;
  const plain = repository.replace(/^git\+/, '').replace(/\.git$/, '');
  const short = /^(?:github:)?([\w.-]+\/[\w.-]+)$/.exec(plain);
  return short === null ? plain : `https://github.com/${short[1]}`;
}

/** A package name as a repository name: `@scope/name` → `scope/name`, and nothing that a registry would refuse. */
function repositoryOf(name: string): string {
  const plain = name.toLowerCase().replace(/^@/, '');
  return plain.replace(/[^a-z0-9/]+/g, '-').replace(/(^|\/)-+|-+(?=\/|$)/g, '$1') || 'service';
}

function parseObject(text: string, where: string): Record<string, unknown> {
  try {
    const raw: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (isRecord(raw)) return raw;
  } catch (cause) {
    throw new PipelineError('BAD_MANIFEST', `${where} is not JSON: ${reasonOf(cause)}`, 'fix the file', { cause });
  }
  throw new PipelineError('BAD_MANIFEST', `${where} does not hold a JSON object`, 'fix the file');
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
