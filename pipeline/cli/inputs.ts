// The files and folders that a command line names: checked before anything starts, then handed to the engine.
import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Directory, File, Host } from '@dagger.io/dagger';
import { COMMAND } from '../src/command.ts';
import { PipelineError, reasonOf } from '../src/core/errors.ts';
import { parseReference } from '../src/oci/registry.ts';
import type { DatabaseOptions } from '../src/stages/database.ts';
import type { StageInvocation, VulnDbChoice } from './arguments.ts';
import { cacheFolder, lookAtFolder } from './doctor/surroundings.ts';

type Options = StageInvocation['options'];

/** Absolute paths of what is there; null for what was not named. */
export type CheckedInputs = {
  images: string | null;
  compare: string | null;
  image: string | null;
  baseline: string | null;
  replay: string | null;
  run: string | null;
  files: string | null;
  cosignPub: string | null;
  vulnDb: { path: string } | { reference: string } | null;
};

/** Throws `BAD_OPTION` for whatever isn't there, or is of the wrong kind. */
export function checkInputs(options: Options): CheckedInputs {
  return {
    images: folder('images', options.images, `fill one: ${COMMAND} images --output DIR`),
    compare: record('compare', options.compare, 'name the result.json of another run'),
    image: archive('image', options.image, 'name the image.tar that `build` wrote'),
    baseline: record('baseline', options.baseline, "name the verdict.json of the base branch's run"),
    replay: record('replay', options.replay, 'name the verdict.json that a run wrote'),
    run: runFolder(options),
    files: folder('files', options.delivery.files, 'name the folder that `cd` or `verify` wrote'),
    cosignPub: file('cosign-pub', options.delivery.cosignPub, 'name the public key, cosign.pub'),
    vulnDb: options.vulnDb === null ? null : toVulnDb(options.vulnDb),
  };
}

/** Its account would be gone with the first attempt, and a second could not be made. */
function runFolder({ run, output }: Options): string | null {
  const path = folder('run', run, 'name the folder that `ci` wrote');
  if (path === null || realpathSync(path) !== realPlace(resolve(output))) return path;
  throw new PipelineError(
    'BAD_OPTION',
    `--run ${run} is read, and is also where this would write its own report`,
    'name another folder for that: --output shipped',
  );
}

/** Where a folder is, or would be made: whichever links lead there. */
function realPlace(path: string): string {
  return existsSync(path) || path === dirname(path)
    ? realpathSync(path)
    : join(realPlace(dirname(path)), basename(path));
}

/** The files that a run reads, which may well be an earlier run's results: where they are, and where a link to them is. */
export function filesOf({ compare, image, baseline, replay, cosignPub }: CheckedInputs): string[] {
  const named = [compare, image, baseline, replay, cosignPub].filter((path) => path !== null);
  return [...new Set(named.flatMap((path) => [join(realpathSync(dirname(path)), basename(path)), realpathSync(path)]))];
}

/** What lies on the disk is meant, unless it was said to be a reference. */
function toVulnDb({ given, isReference }: VulnDbChoice): CheckedInputs['vulnDb'] {
  if (isReference) return { reference: toReference('vuln-db-ref', given) };
  if (existsSync(given)) return { path: resolve(given) };
  // A registry's name has a dot, a port or is localhost: `vuln-db` alone, or `./x`, is a path with a slip in it.
  if (/^(localhost|[^./~][^/]*[.:][^/]*)\/./.test(given)) return { reference: toReference('vuln-db', given) };
  throw new PipelineError(
    'BAD_OPTION',
    `--vuln-db ${given} is neither a folder nor a reference`,
    'give a folder with trivy.db and metadata.json, or ghcr.io/aquasecurity/trivy-db:2',
  );
}

function toReference(option: string, given: string): string {
  try {
    parseReference(given);
    return given;
  } catch (cause) {
    throw new PipelineError('BAD_OPTION', `--${option}: ${reasonOf(cause)}`, 'write ghcr.io/aquasecurity/trivy-db:2', {
      cause,
    });
  }
}

function folder(option: string, given: string | null, hint: string): string | null {
  if (given === null) return null;
  const path = resolve(given);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path;
  throw new PipelineError('BAD_OPTION', `--${option} ${given} is not a folder`, hint);
}

function file(option: string, given: string | null, hint: string): string | null {
  if (given === null) return null;
  const path = resolve(given);
  if (statSync(path, { throwIfNoEntry: false })?.isFile()) return path;
  throw new PipelineError('BAD_OPTION', `--${option} ${given} is not a file`, hint);
}

/** It is copied into the cache: one that is sparse may be larger than any disk. */
function archive(option: string, given: string | null, hint: string): string | null {
  const path = file(option, given, hint);
  const { freeBytes, path: place } = lookAtFolder(cacheFolder(process.env));
  if (path === null || statSync(path).size <= freeBytes) return path;
  throw new PipelineError('NO_SPACE', `--${option} ${given} is larger than what is free at ${place}`, hint);
}

/** What a run writes is far smaller; more would be copied and parsed before anybody says that it is none. */
const LARGEST_RECORD = 128 * 1024 * 1024;

function record(option: string, given: string | null, hint: string): string | null {
  const path = file(option, given, hint);
  if (path === null || statSync(path).size <= LARGEST_RECORD) return path;
  throw new PipelineError('BAD_OPTION', `--${option} ${given} is larger than any that a run writes`, hint);
}

/** The checked files, as the engine takes them. */
export function scanningInputs(
  host: Host,
  inputs: CheckedInputs,
): { image: File | undefined; baseline: File | undefined } {
  const take = (path: string | null) => (path === null ? undefined : host.file(path));
  return { image: take(inputs.image), baseline: take(inputs.baseline) };
}

/** A registry on this machine's loopback address is no place that a step can reach: it goes in as a service. */
export function databaseInput(host: Host, { vulnDb }: CheckedInputs, mirrors: readonly string[]): DatabaseOptions {
  const input: DatabaseOptions = { folder: undefined, reference: '', service: undefined, mirrors };
  if (vulnDb === null) return input;
  if ('path' in vulnDb) return { ...input, folder: databaseFolder(host, vulnDb.path) };
  const [, port] = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\]):(\d+)\//.exec(vulnDb.reference) ?? [];
  if (port === undefined) return { ...input, reference: vulnDb.reference };
  const ports = [{ frontend: Number(port), backend: Number(port) }];
  return { ...input, reference: vulnDb.reference, service: host.service(ports) };
}

/** A folder as it is; of a file's folder just that file. */
function databaseFolder(host: Host, path: string): Directory {
  if (statSync(path).isDirectory()) return host.directory(path);
  return host.directory(dirname(path), { include: [basename(path)] });
}
