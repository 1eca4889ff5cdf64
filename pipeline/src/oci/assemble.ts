// Assembles the image that ships: a base, byte for byte, and one layer of app. Equal content makes an equal digest.
//   node assemble.ts --spec /spec.json --out /out/image.tar
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { appEntries } from './applayer.ts';
import { digestOfStream, verified } from './digest.ts';
import { OciError, reasonOf } from './errors.ts';
import { imageConfig } from './image.ts';
import {
  type AssembledImage,
  type Blobs,
  type BuiltPlatform,
  buildPlatform,
  type ImageBlob,
  writeAccount,
  writeImage,
} from './image-files.ts';
import { type BlobSource, openLayout, readBase } from './layout.ts';
import { exitCodeOf, runAsProgram } from './program.ts';
import { pullToLayout } from './pull.ts';
import { parsePin } from './reference.ts';
import { dockerCredentials, parseMirrors, RegistryClient } from './registry.ts';
import { type AssembleSpec, parseSpec } from './spec.ts';
import { writeTar } from './tar.ts';
import { MEDIA } from './types.ts';

/** Recorded beside the digest. Raise it with every change that makes other bytes of the same content. */
export const ASSEMBLER = 'drydock-assemble/1';

export type AssembleOptions = {
  /** Where the OCI archive goes; `image.json` is written beside it. */
  out: string;
  /** Told, in a sentence each, what was looked at and not taken. */
  note?: (sentence: string) => void;
};

/** Assemble the image, write the archive and `image.json`, and say what came out. */
export async function assemble(spec: AssembleSpec, options: AssembleOptions): Promise<AssembledImage> {
  const entries = await appEntries(spec.app, spec.target, spec.platforms);
  const layerId = await digestOfStream(writeTar(entries));
  // Made twice rather than kept: checked the second time, in case the folder changed in between.
  const content = verified(writeTar(entries), layerId, `the app layer of ${spec.app}`);
  const layer: ImageBlob = { mediaType: MEDIA.layer, ...layerId, content };
  const bases = new BaseFinder(spec, options.note ?? (() => {}));
  try {
    const blobs: Blobs = new Map([[layer.digest, layer]]);
    const platforms: BuiltPlatform[] = [];
    for (const platform of spec.platforms) {
      const found = await bases.find(platform);
      // Uncompressed, so the layer's digest is its diff id.
      const image = imageConfig(found.base.config, spec, layer.digest);
      platforms.push(buildPlatform(platform, found, { layer, image, pin: spec.base.pin }, blobs));
    }
    const { out } = options;
    const image = await writeImage(platforms, blobs, { out, repoTag: spec.repoTag, assembler: ASSEMBLER });
    await writeAccount(out, image);
    return image;
  } finally {
    await bases.close();
  }
}

// ---------------------------------------------------------------------------------------------------- the base

/** Finds a platform's base in the archives, else in the registry; keeps what it opened until it is closed. */
class BaseFinder {
  readonly #spec: AssembleSpec;
  readonly #note: (sentence: string) => void;
  readonly #sources = new Map<string, BlobSource>();
  #client: RegistryClient | undefined;
  #fetched: string | undefined;

  constructor(spec: AssembleSpec, note: (sentence: string) => void) {
    this.#spec = spec;
    this.#note = note;
  }

  async find(platform: string) {
    const { pin, archives, offline } = this.#spec.base;
    const { digest } = parsePin(pin);
    const reasons: string[] = [];
    for (const archive of archives) {
      try {
        const source = await this.#open(archive);
        return { base: await readBase(source, digest, platform), source };
      } catch (error) {
        if (!(error instanceof OciError)) throw error;
        reasons.push(error.message);
        this.#note(error.message);
      }
    }
    if (offline) {
      throw missing(
        pin,
        platform,
        archives.length === 0 ? 'no archive was given' : reasons.join('; '),
        'no registry is asked (offline)',
      );
    }
    try {
      return await this.#fetch(platform);
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      // The registry's own code and hint say more than "missing" would.
      const before = reasons.length === 0 ? '' : `; before that: ${reasons.join('; ')}`;
      throw new OciError(error.code, `there is no base for ${platform}: ${error.message}${before}`, error.hint, {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    for (const source of this.#sources.values()) await source.close();
    if (this.#fetched !== undefined) await rm(this.#fetched, { recursive: true, force: true });
  }

  async #open(path: string): Promise<BlobSource> {
    const source = this.#sources.get(path) ?? (await openLayout(path));
    this.#sources.set(path, source);
    return source;
  }

  async #fetch(platform: string) {
    this.#client ??= await registryClient(this.#spec.base);
    this.#fetched ??= await mkdtemp(join(tmpdir(), 'drydock-base-'));
    // A folder for each: what one platform left behind must not be taken for another's.
    const folder = join(this.#fetched, platform.replaceAll('/', '-'));
    const pin = parsePin(this.#spec.base.pin);
    await pullToLayout(this.#client, pin, folder, { platforms: [platform] });
    const source = await this.#open(folder);
    return { base: await readBase(source, pin.digest, platform), source };
  }
}

async function registryClient(base: AssembleSpec['base']): Promise<RegistryClient> {
  const { dockerConfig, mirrors, plainHttp } = base;
  const config = dockerConfig === undefined ? undefined : await readText(dockerConfig, 'the Docker configuration');
  return new RegistryClient({
    mirrors: parseMirrors(mirrors),
    plainHttp,
    ...(config === undefined ? {} : { credentials: (registry: string) => dockerCredentials(config, registry) }),
  });
}

function missing(pin: string, platform: string, ...reasons: string[]): OciError {
  return new OciError(
    'BASE_MISSING',
    `there is no base ${pin} for ${platform}: ${reasons.join('; ')}`,
    'give an archive of it, a mirror, or access to its registry',
  );
}

// ---------------------------------------------------------------------------------------------------- the program

const USAGE = 'node assemble.ts --spec <spec.json> --out <image.tar>; flags of the same name override the spec';

/** Arguments in, exit code out: 0 done, 1 failed, 2 wrong arguments or spec. */
export async function main(args: string[]): Promise<number> {
  return await exitCodeOf(async () => {
    const { spec, out } = await readArguments(args);
    const image = await assemble(spec, { out, note: (sentence) => process.stderr.write(`note: ${sentence}\n`) });
    process.stdout.write(`${image.digest} ${image.platforms.map(({ platform }) => platform).join(' ')}\n`);
  });
}

async function readArguments(args: string[]): Promise<{ spec: AssembleSpec; out: string }> {
  const flags = parseFlags(args);
  if (flags.out === undefined) throw wrongUse('--out is missing');
  const raw: unknown = flags.spec === undefined ? {} : parseJson(await readText(flags.spec, 'the spec'), flags.spec);
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw wrongUse('the spec has to be a JSON object');
  const given = raw as Record<string, unknown>;
  const base = given.base ?? {};
  const overrides = {
    ...(flags.base === undefined ? {} : { pin: flags.base }),
    ...(flags.archive === undefined ? {} : { archives: flags.archive }),
    ...(flags.mirror === undefined ? {} : { mirrors: flags.mirror }),
    ...(flags['docker-config'] === undefined ? {} : { dockerConfig: flags['docker-config'] }),
    ...(flags.offline === undefined ? {} : { offline: flags.offline }),
  };
  const merged = {
    ...given,
    ...(flags.app === undefined ? {} : { app: flags.app }),
    ...(flags.target === undefined ? {} : { target: flags.target }),
    ...(flags.platform === undefined ? {} : { platforms: flags.platform }),
    ...(flags['repo-tag'] === undefined ? {} : { repoTag: flags['repo-tag'] }),
    base: typeof base === 'object' && base !== null ? { ...base, ...overrides } : base,
  };
  return { spec: parseSpec(merged), out: flags.out };
}

function parseFlags(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        spec: { type: 'string' },
        out: { type: 'string' },
        base: { type: 'string' },
        archive: { type: 'string', multiple: true },
        mirror: { type: 'string', multiple: true },
        'docker-config': { type: 'string' },
        offline: { type: 'boolean' },
        app: { type: 'string' },
        target: { type: 'string' },
        platform: { type: 'string', multiple: true },
        'repo-tag': { type: 'string' },
      },
    }).values;
  } catch (cause) {
    throw wrongUse(reasonOf(cause));
  }
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new OciError('SPEC_INVALID', `${what} at ${path} cannot be read`, 'check the path', { cause });
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new OciError('SPEC_INVALID', `${path} is not JSON: ${reasonOf(cause)}`, 'fix the file', { cause });
  }
}

function wrongUse(message: string): OciError {
  return new OciError('SPEC_INVALID', message, USAGE);
}

runAsProgram('assemble.ts', main);
