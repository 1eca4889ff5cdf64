// The vulnerability database of the tests, and the artifact that a registry would hold of it.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { digestOf } from '../../src/oci/digest.ts';
import type { TarInput } from '../../src/oci/tar.ts';
import { tarOf } from './helpers.ts';
import type { Content } from './registry-server.ts';

export const DATABASE = fileURLToPath(new URL('../fixtures/vuln-db', import.meta.url));
export const databasePath = (name: 'trivy.db' | 'metadata.json') => `${DATABASE}/${name}`;

const LAYER_TYPE = 'application/vnd.aquasec.trivy.db.layer.v1.tar+gzip';

export const databaseFiles = (): TarInput[] =>
  (['trivy.db', 'metadata.json'] as const).map((path) => ({
    path,
    type: 'file',
    mode: 0o644,
    content: readFileSync(databasePath(path)),
  }));

export type Artifact = Content & { digest: string; layer: string };

/** As `ghcr.io/aquasecurity/trivy-db:2` is made; `layer` in place of the packed database. */
export async function databaseArtifact(layer?: Buffer, mediaType = LAYER_TYPE): Promise<Artifact> {
  const packed = layer ?? gzipSync(await tarOf(databaseFiles()));
  const config = Buffer.from('{}');
  const descriptor = (type: string, bytes: Buffer) => ({
    mediaType: type,
    digest: digestOf(bytes),
    size: bytes.byteLength,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: descriptor('application/vnd.aquasec.trivy.config.v1+json', config),
      layers: [descriptor(mediaType, packed)],
    }),
  );
  const digest = digestOf(manifest);
  return {
    repository: 'aquasecurity/trivy-db',
    tags: { '2': digest },
    blobs: new Map([manifest, config, packed].map((bytes) => [digestOf(bytes), bytes])),
    digest,
    layer: digestOf(packed),
  };
}
