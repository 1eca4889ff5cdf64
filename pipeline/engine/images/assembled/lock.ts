// Makes the locks again: `npx tsx pipeline/engine/images/assembled/lock.ts [--images] [recipe…]`. Needs the network, npm's registry and gpgv.
// With --images packages stay, and what a changed recipe or program makes of them is locked.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bytesOf, fetchPaced, MOST } from '../../../src/oci/pace.ts';
import { packageFolder } from '../../store/store.ts';
import { assembleStandIn } from './assemble.ts';
import { fieldOf, parseDependencies } from './deb822.ts';
import { readSuite, type SuiteIndex } from './debian-index.ts';
import { AssembleError } from './errors.ts';
import { type DebianPin, type Lock, type NpmPin, type PypiPin, parseLock } from './lock-file.ts';
import type { Recipe } from './recipe.ts';
import { RECIPES } from './recipes.ts';
import { TAG_RECIPES } from './recipes-tags.ts';
import { hostRegistries, type Registries } from './registries.ts';
import { filledIn } from './steps.ts';
import { WANTS, type Wants } from './wants.ts';

const ARCHITECTURES = { amd64: 'x64', arm64: 'arm64' } as const;

export async function makeLock(recipe: string, wants: Wants, registries: Registries): Promise<Lock> {
  const lock: Lock = { recipe, madeFrom: {}, platforms: {} };
  for (const [architecture, cpu] of Object.entries(ARCHITECTURES)) {
    const index = await readSuite(wants.debian.suite, architecture, registries);
    const isWanted = (one: Wants['npm'][number]) => (one.architecture ?? architecture) === architecture;
    Object.assign(lock.madeFrom, index.madeFrom);
    lock.platforms[`linux/${architecture}`] = {
      debian: resolveDebian(wants.debian, index),
      npm: await Promise.all(
        wants.npm
          .filter(isWanted)
          .map(({ name, version }) => resolveNpm(filledIn(name, { cpu, architecture }), version, registries)),
      ),
      pypi: await Promise.all(
        wants.pypi.filter(isWanted).map(({ name, version }) => resolvePypi(name, version, architecture, registries)),
      ),
    };
  }
  return parseLock(lock);
}

/** The packages named and, where asked for, all they depend on; of alternatives, one that is there anyway, else the first. */
export function resolveDebian(wants: Wants['debian'], { packages }: Pick<SuiteIndex, 'packages'>): DebianPin[] {
  const essential = [...packages.values()].filter(({ stanza }) => fieldOf(stanza, 'Essential') === 'yes');
  const queue = [...(wants.essential ? essential.map(({ pin }) => pin.name) : []), ...wants.packages];
  const chosen = new Map<string, DebianPin>();
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (chosen.has(name) || name in wants.without) continue;
    const found = packages.get(name);
    if (found === undefined) throw new AssembleError('LOCK_INVALID', `Debian has no package ${name}`, 'fix wants.ts');
    chosen.set(name, found.pin);
    if (!wants.dependencies) continue;
    for (const field of ['Pre-Depends', 'Depends']) {
      for (const alternatives of parseDependencies(fieldOf(found.stanza, field))) {
        // A name without a package is a virtual one: what provides it is named beside it, or comes as essential.
        const real = alternatives.filter((one) => packages.has(one) || one in wants.without);
        if (real.some((one) => chosen.has(one) || queue.includes(one))) continue;
        if (real[0] !== undefined) queue.push(real[0]);
      }
    }
  }
  return [...chosen.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function resolveNpm(name: string, version: string, registries: Registries): Promise<NpmPin> {
  const text = await firstAnswer(await registries.npm(name), `${name.replace('/', '%2F')}/${version}`);
  const { dist } = JSON.parse(text) as { dist?: { integrity?: string } };
  return { name, version, integrity: dist?.integrity ?? '' };
}

/** The wheel for this architecture, by the hash in its link of the simple index. */
async function resolvePypi(
  name: string,
  version: string,
  architecture: string,
  registries: Registries,
): Promise<PypiPin> {
  const page = await firstAnswer(await registries.pypi(), `${name}/`);
  const machine = architecture === 'amd64' ? 'x86_64' : 'aarch64';
  for (const [, href = ''] of page.matchAll(/href="([^"]+)"/g)) {
    const [, file = '', sha256 = ''] = /([^/#]+\.whl)#sha256=([0-9a-f]{64})/.exec(href) ?? [];
    const isOurs =
      file.startsWith(`${name.replaceAll('-', '_')}-${version}-`) && /linux/.test(file) && file.includes(machine);
    if (isOurs) return { name, version, file, sha256 };
  }
  throw new AssembleError('LOCK_INVALID', `PyPI has no wheel of ${name} ${version} for ${machine}`, 'fix wants.ts');
}

async function firstAnswer(
  sources: { url: string; headers?: Record<string, string> }[],
  path: string,
): Promise<string> {
  for (const { url, headers } of sources) {
    const response = await fetchPaced(`${url}${path}`, { headers: headers ?? {} });
    if (response.ok) return (await bytesOf(response, MOST.index)).toString();
  }
  throw new AssembleError('PACKAGE_GONE', `no registry has ${path}`, 'fix wants.ts');
}

async function imagesOf(recipe: Omit<Recipe, 'digest'>, registries: Registries): Promise<Record<string, string>> {
  const images: Record<string, string> = {};
  for (const platform of Object.keys(recipe.lock.platforms)) {
    const folder = await mkdtemp(join(tmpdir(), 'drydock-lock-'));
    const options = { destination: join(folder, 'layout'), cache: packageFolder(), offline: false, registries };
    images[platform] = (await assembleStandIn(recipe, platform, options)).manifestDigest;
    await rm(folder, { recursive: true });
  }
  return images;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const asked = process.argv.slice(2).filter((word) => word !== '--images');
  const keepsPackages = process.argv.includes('--images');
  const registries = hostRegistries();
  for (const [name, wants] of Object.entries(WANTS)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    const file = new URL(`./locks/${name}.json`, import.meta.url);
    const lock = keepsPackages
      ? parseLock(JSON.parse(await readFile(file, 'utf8')))
      : await makeLock(name, wants, registries);
    const recipe = [...RECIPES, ...TAG_RECIPES].find((one) => one.lock.recipe === name);
    if (recipe !== undefined) lock.images = await imagesOf({ ...recipe, lock }, registries);
    await writeFile(file, `${JSON.stringify(lock, null, 2)}\n`);
    process.stdout.write(`locked ${name}\n`);
  }
}
