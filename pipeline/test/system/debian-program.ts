// A program out of a pinned Debian package: fetched, checked and kept as the packages of stand-ins are, never installed.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fetchAll, wantedOf } from '../../engine/images/assembled/cache.ts';
import { openDeb } from '../../engine/images/assembled/deb.ts';
import type { DebianPin, Lock } from '../../engine/images/assembled/lock-file.ts';
import { hostRegistries } from '../../engine/images/assembled/registries.ts';
import { cacheFolder } from '../../engine/store/store.ts';
import { temporaryFolder } from './support.ts';

/** The path of a copy that goes away with the test file. `path` is the program's own, or ends it. */
export async function debianProgram(pin: DebianPin, path: string): Promise<string> {
  const wanted = wantedOf({ debian: [pin], npm: [], pypi: [] });
  const cache = join(cacheFolder(), 'packages');
  const packages = await fetchAll(wanted, { cache, offline: false, registries: hostRegistries(), log: () => {} });
  for await (const entry of openDeb(packages.get(pin) ?? Buffer.alloc(0), pin.path).data()) {
    if (!entry.path.endsWith(path)) continue;
    const program = join(await temporaryFolder(pin.name), pin.name);
    await writeFile(program, await buffer(entry.content), { mode: 0o755 });
    return program;
  }
  throw new Error(`${pin.path} has no ${path}`);
}

/** The pin of a package in a lock, for this machine. */
export function pinIn(lock: Lock, name: string): DebianPin {
  const platform = `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
  const pin = lock.platforms[platform]?.debian.find((candidate) => candidate.name === name);
  if (pin === undefined) throw new Error(`the lock of ${lock.recipe} has no ${name} for ${platform}`);
  return pin;
}
