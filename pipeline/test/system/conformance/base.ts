// Makes the image that the conformance cases start from: busybox of a pinned Debian package, as an OCI archive with one gzip layer.
import { execFileSync } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fetchAll, wantedOf } from '../../../engine/images/assembled/cache.ts';
import { openDeb } from '../../../engine/images/assembled/deb.ts';
import type { DebianPin } from '../../../engine/images/assembled/lock-file.ts';
import { hostRegistries } from '../../../engine/images/assembled/registries.ts';
import { FileTree } from '../../../engine/images/assembled/tree.ts';
import { cacheFolder } from '../../../engine/store/store.ts';
import { digestOf } from '../../../src/oci/digest.ts';
import { type TarInput, writeTar } from '../../../src/oci/tar.ts';
import { type Descriptor, MEDIA } from '../../../src/oci/types.ts';

const PASSWD = `root:x:0:0:root:/root:/bin/sh
app:x:1000:1000:app:/home/app:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
`;
const GROUP = 'root:x:0:\napp:x:1000:\nnogroup:x:65534:\n';

/** Write the archive into a folder. Returns its path. */
export async function makeBase(folder: string): Promise<string> {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const busybox = await fetchBusybox(architecture);
  const tree = new FileTree();
  for (const path of ['dev', 'proc', 'root', 'run', 'sys', 'usr/bin', 'var']) tree.directory(path);
  tree.directory('tmp', { mode: 0o1777 });
  tree.directory('home/app', { uid: 1000, gid: 1000 });
  tree.file('etc/passwd', PASSWD);
  tree.file('etc/group', GROUP);
  tree.file('bin/busybox', busybox, { mode: 0o755 });
  for (const name of await appletsOf(busybox, folder)) tree.symlink(`bin/${name}`, 'busybox');
  const layer = await tarOf([...tree.tarEntries()]);

  const blobs = new Map<string, Buffer>();
  const blob = (mediaType: string, bytes: Buffer): Descriptor => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const json = (mediaType: string, value: object) => blob(mediaType, Buffer.from(JSON.stringify(value)));
  const platform = { architecture, os: 'linux' };
  const config = json(MEDIA.config, {
    ...platform,
    config: { Env: ['PATH=/bin:/usr/bin', 'BASE=yes'], Cmd: ['sh'], Labels: { base: 'busybox' } },
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
  });
  const layers = [blob(MEDIA.layerGzip, gzipSync(layer, { level: 9 }))];
  const manifest = json(MEDIA.manifest, { schemaVersion: 2, mediaType: MEDIA.manifest, config, layers });
  const archive = join(folder, 'base.tar');
  const file = (path: string, content: string | Buffer): TarInput => ({ path, type: 'file', mode: 0o644, content });
  await writeFile(
    archive,
    await tarOf([
      file('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
      file('index.json', JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, platform }] })),
      ...[...blobs].map(([digest, bytes]) => file(`blobs/sha256/${digest.slice('sha256:'.length)}`, bytes)),
    ]),
  );
  return archive;
}

async function fetchBusybox(architecture: string): Promise<Buffer> {
  const pins = JSON.parse(await readFile(new URL('busybox.json', import.meta.url), 'utf8')) as Record<
    string,
    DebianPin
  >;
  const pin = pins[`linux/${architecture}`];
  if (pin === undefined) throw new Error(`no busybox is pinned for ${architecture}`);
  const packages = await fetchAll(wantedOf({ debian: [pin], npm: [], pypi: [] }), {
    cache: join(cacheFolder(), 'packages'),
    offline: false,
    registries: hostRegistries(),
    log: () => {},
  });
  for await (const entry of openDeb(packages.get(pin) as Buffer, pin.name).data()) {
    if (!entry.path.endsWith('bin/busybox')) continue;
    const chunks: Buffer[] = [];
    for await (const chunk of entry.content) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  }
  throw new Error('the package holds no busybox');
}

/** The commands that it knows, as it says itself. */
async function appletsOf(busybox: Buffer, folder: string): Promise<string[]> {
  const program = join(folder, 'busybox');
  await writeFile(program, busybox);
  await chmod(program, 0o755);
  const names = execFileSync(program, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  return names.filter((name) => name !== 'busybox');
}

async function tarOf(entries: TarInput[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of writeTar(entries)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
