// Makes small packages for the tests (.deb and npm tarballs), their pins, and a registry that serves them.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { DebianPin, Lock, NpmPin } from '../../../engine/images/assembled/lock-file.ts';
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

export const lockOf = (debian: DebianPin[], npm: NpmPin[] = []): Lock => ({
  recipe: 'tiny',
  madeFrom: {},
  platforms: { 'linux/amd64': { debian, npm, pypi: [] } },
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
  const registries: Registries = { debian: async () => source, npm: async () => source, pypi: async () => source };
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { registries, requests, close };
}
