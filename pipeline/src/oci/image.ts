// Decides how the assembled image's config and manifest look. Reads and writes nothing.
import { OciError } from './errors.ts';
import { sortedEntries } from './json.ts';
import type { Base } from './layout.ts';
import { formatReference, parsePin } from './reference.ts';
import type { HealthSpec, RunSpec } from './spec.ts';
import {
  ASSEMBLED,
  BASE_DIGEST,
  BASE_NAME,
  type Descriptor,
  type Healthcheck,
  type History,
  type ImageConfig,
  type Manifest,
  MEDIA,
  OCI_LAYER_TYPES,
  type RunConfig,
} from './types.ts';

/** Tools want a time here; this one says nothing. */
const NO_TIME = '1970-01-01T00:00:00Z';
/** The fields of Docker's run config that mean something in an image; the others are traces of the build. */
const KEPT = [
  'User',
  'ExposedPorts',
  'Env',
  'Entrypoint',
  'Cmd',
  'Volumes',
  'WorkingDir',
  'Labels',
  'StopSignal',
  'Shell',
  'Healthcheck',
] as const;

/** The config of base and app together. */
export function imageConfig(base: ImageConfig, spec: RunSpec & { target: string }, diffId: string): ImageConfig {
  const { architecture, os, variant, author } = base;
  return {
    created: NO_TIME,
    ...(author === undefined ? {} : { author }),
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    ...(base['os.version'] === undefined ? {} : { 'os.version': base['os.version'] }),
    ...(base['os.features'] === undefined ? {} : { 'os.features': base['os.features'] }),
    config: runConfig(base.config ?? {}, spec),
    rootfs: { type: 'layers', diff_ids: [...base.rootfs.diff_ids, diffId] },
    history: [...baseHistory(base), { created_by: `${ASSEMBLED}${spec.target}` }],
  };
}

/** The manifest of base and app together, in OCI's terms whatever the base's were; layer bytes are the base's own. */
export function imageManifest(
  base: Pick<Base, 'layers' | 'standIn'>,
  config: Descriptor,
  appLayer: Descriptor,
  pin: string | null,
): Manifest {
  return {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config,
    layers: [...base.layers.map(ociLayer), appLayer],
    // A substitute is not the base that the pin names, so it doesn't say so.
    ...(base.standIn === undefined && pin !== null ? { annotations: baseAnnotations(pin) } : {}),
  };
}

function ociLayer(layer: Descriptor): Descriptor {
  const mediaType = OCI_LAYER_TYPES.get(layer.mediaType);
  if (mediaType === undefined) {
    throw new OciError(
      'MANIFEST_INVALID',
      `the base has a layer of type ${layer.mediaType}, which cannot be shipped`,
      'pin a base whose layers are plain, gzip or zstd tar',
    );
  }
  return { mediaType, digest: layer.digest, size: layer.size };
}

function baseAnnotations(pin: string): Record<string, string> {
  const { digest, ...reference } = parsePin(pin);
  return {
    [BASE_DIGEST]: digest,
    [BASE_NAME]: formatReference(reference),
  };
}

function baseHistory(base: ImageConfig): History[] {
  // Some builders write none; readers that match entries to layers would then give the app's to the first layer.
  return base.history ?? base.rootfs.diff_ids.map(() => ({ created_by: 'layer of the base' }));
}

function runConfig(base: RunConfig, spec: RunSpec): RunConfig {
  const kept = Object.fromEntries(
    KEPT.flatMap((key) => (base[key] === undefined || base[key] === null ? [] : [[key, base[key]]])),
  );
  // As in a Dockerfile: another entrypoint does not want the arguments of the old one.
  if (spec.entrypoint !== undefined) delete kept.Cmd;
  const own: RunConfig = {
    ...(spec.user === undefined ? {} : { User: spec.user }),
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: spec.entrypoint }),
    ...(spec.cmd === undefined ? {} : { Cmd: spec.cmd }),
    ...(spec.workdir === undefined ? {} : { WorkingDir: spec.workdir }),
    ...(spec.stopSignal === undefined ? {} : { StopSignal: spec.stopSignal }),
    ...(spec.healthcheck === undefined ? {} : { Healthcheck: healthcheck(spec.healthcheck) }),
    ...(spec.env === undefined ? {} : { Env: mergedEnv(base.Env ?? [], spec.env) }),
    ...(spec.labels === undefined ? {} : { Labels: { ...base.Labels, ...spec.labels } }),
    ...(spec.ports === undefined
      ? {}
      : { ExposedPorts: { ...base.ExposedPorts, ...Object.fromEntries(spec.ports.map((port) => [port, {}])) } }),
  };
  return { ...kept, ...own };
}

/** The base's order, new values in place; what is new follows by name, so that the order of a spec's keys is nothing. */
function mergedEnv(base: string[], own: Record<string, string>): string[] {
  const merged = new Map(base.map((pair) => [pair.split('=', 1)[0] ?? '', pair]));
  for (const [key, value] of sortedEntries(own)) merged.set(key, `${key}=${value}`);
  return [...merged.values()];
}

function healthcheck(spec: HealthSpec): Healthcheck {
  return {
    Test: spec.test,
    ...(spec.interval === undefined ? {} : { Interval: spec.interval }),
    ...(spec.timeout === undefined ? {} : { Timeout: spec.timeout }),
    ...(spec.startPeriod === undefined ? {} : { StartPeriod: spec.startPeriod }),
    ...(spec.retries === undefined ? {} : { Retries: spec.retries }),
  };
}
