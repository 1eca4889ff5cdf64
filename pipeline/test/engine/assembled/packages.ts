// Makes small packages for the tests (.deb, npm tarballs and wheels), their pins, and a registry that serves them.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import type { DebianPin, Lock, NpmPin, PypiPin } from '../../../engine/images/assembled/lock-file.ts';
import type { Registries } from '../../../engine/images/assembled/registries.ts';
import { type TarInput, writeTar } from '../../../src/oci/tar.ts';

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

export async function tar(entries: TarInput[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of writeTar(entries)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function ar(members: [name: string, content: Buffer][]): Buffer {
  const parts = members.flatMap(([name, content]) => [
    Buffer.from(`${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}`),
    Buffer.from(`${String(content.length).padEnd(10)}\`\n`),
    content,
    Buffer.alloc(content.length % 2, '\n'),
  ]);
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
}

/** A .deb whose data.tar is compressed with gzip, as old ones are. */
export async function deb(name: string, entries: TarInput[]): Promise<Buffer> {
  const control = `Package: ${name}\nVersion: 1.0\nArchitecture: all\nDescription: made by a test\n in two lines\n`;
  return ar([
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar.gz', gzipSync(await tar([{ path: './control', type: 'file', mode: 0o644, content: control }]))],
    ['data.tar.gz', gzipSync(await tar(entries))],
  ]);
}

/** A zip archive; every second file is deflated, the others are stored. */
export function zip(files: [path: string, mode: number, content: Buffer][], comment = ''): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [index, [path, mode, content]] of files.entries()) {
    const isDeflated = index % 2 === 0;
    const data = isDeflated ? deflateRawSync(content) : content;
    // Method, time, date, checksum, sizes, length of the name, no extra field: the same in both headers.
    const common = Buffer.alloc(22);
    common.writeUInt16LE(isDeflated ? 8 : 0, 0);
    common.writeUInt32LE(crc32(content), 6);
    common.writeUInt32LE(data.length, 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt16LE(Buffer.byteLength(path), 18);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(at, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x03\x14\0\0\0', 'latin1'), common, rest, Buffer.from(path));
    const local = [Buffer.from('PK\x03\x04\x14\0\0\0', 'latin1'), common, Buffer.from(path), data];
    locals.push(...local);
    at += Buffer.concat(local).length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, ...directory, end, Buffer.from(comment)]);
}

export const file = (path: string, content = `${path}\n`): TarInput => ({ path, type: 'file', mode: 0o644, content });

export const debianPin = (name: string, bytes: Buffer): DebianPin => ({
  name,
  version: '1.0',
  architecture: 'all',
  archive: 'debian',
  path: `pool/${name}_1.0_all.deb`,
  size: bytes.length,
  sha256: sha256(bytes),
});

export const npmPin = (name: string, bytes: Buffer): NpmPin => ({
  name,
  version: '1.0.0',
  integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
});

export const pypiPin = (name: string, bytes: Buffer): PypiPin => ({
  name,
  version: '1.0',
  file: `${name}-1.0-py3-none-any.whl`,
  sha256: sha256(bytes),
});

export const lockOf = (debian: DebianPin[], npm: NpmPin[] = [], pypi: PypiPin[] = []): Lock => ({
  recipe: 'tiny',
  madeFrom: {},
  platforms: { 'linux/amd64': { debian, npm, pypi } },
});

export type Served = { registries: Registries; requests: string[]; close: () => Promise<void> };

/** A registry of all kinds on a loopback port. Paths that are not in the map are answered with 404. */
export async function serve(files: Map<string, Buffer>): Promise<Served> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '/').slice(1));
    requests.push(path);
    const content = files.get(path);
    response.writeHead(content === undefined ? 404 : 200).end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const source = [{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }];
  const registries: Registries = {
    ...{ debian: async () => source, npm: async () => source, pypi: async () => source },
    snapshots: () => [],
  };
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { registries, requests, close };
}
