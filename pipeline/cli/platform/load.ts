// Hands archives to the Docker Engine. Before version 25 it knows no OCI layout: its own list is put beside the same blobs.
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { PipelineError } from '../../src/core/errors.ts';
import { describeArchive, openLayout, readBase } from '../../src/oci/layout.ts';
import { type TarInput, writeTar } from '../../src/oci/tar.ts';
import { PINS, type PinName } from '../../src/pins.ts';
import { type Docker, lastLine } from './docker.ts';

/** As docker-compose.yml calls the service's image. */
export const BUILT = 'localhost/drydock-service:built';
const SEE = 'see what `docker info` says of its storage';

/** Load an archive of a pinned image, or of its substitute, unless Docker has it. Gives the name under which Docker knows it. */
export async function loadPinned(docker: Docker, pin: PinName, archive: string): Promise<string> {
  const source = await openLayout(archive);
  const aside = `${archive}.docker`;
  try {
    const { manifest, layers } = await readBase(source, PINS[pin].digest, docker.platform);
    const [, hex = ''] = manifest.config.digest.split(':');
    const name = `drydock/${pin.toLowerCase()}:${hex.slice(0, 12)}`;
    if (await hasImage(docker, name)) return name;
    const path = ({ digest }: { digest: string }) => `blobs/${digest.replace(':', '/')}`;
    const blobs = [...new Map([manifest.config, ...layers].map((blob) => [blob.digest, blob])).values()].map(
      (blob): TarInput => ({
        path: path(blob),
        type: 'file',
        mode: 0o644,
        size: blob.size,
        content: source.stream(blob.digest),
      }),
    );
    const list = JSON.stringify([{ Config: path(manifest.config), RepoTags: [name], Layers: layers.map(path) }]);
    const entries: TarInput[] = [...blobs, { path: 'manifest.json', type: 'file', mode: 0o644, content: list }];
    await pipeline(writeTar(entries), createWriteStream(aside));
    await load(docker, aside);
    return name;
  } finally {
    await source.close();
    await rm(aside, { force: true });
  }
}

/** What was built: the name that it has in Docker, its id there, and the digests by which an engine may call it. */
export type Loaded = { name: string; id: string; digests: string[] };

export async function loadBuilt(docker: Docker, archive: string): Promise<Loaded> {
  const { digest, images } = await describeArchive(archive);
  const said = await load(docker, archive);
  const name = /^Loaded image(?: ID)?: (\S+)$/m.exec(said)?.[1] ?? '';
  const { stdout } = await docker.run(['image', 'inspect', '--format', '{{.Id}}', name]);
  return {
    name,
    id: stdout.trim(),
    digests: [digest, ...images.flatMap((image) => [image.digest, image.configDigest])],
  };
}

/** Give what is loaded the name by which docker-compose.yml knows it, also when nobody says so. */
export async function nameBuilt(docker: Docker, { name }: Loaded): Promise<void> {
  const { exitCode, stderr } = await docker.run(['tag', name, BUILT]);
  if (exitCode !== 0) throw new PipelineError('NO_DOCKER', `Docker cannot name an image: ${lastLine(stderr)}`, SEE);
}

async function load(docker: Docker, archive: string): Promise<string> {
  const { exitCode, stdout, stderr } = await docker.run(['load', '--quiet', '--input', archive]);
  if (exitCode === 0) return stdout;
  throw new PipelineError('NO_DOCKER', `Docker cannot load an image: ${lastLine(stderr)}`, SEE);
}

export async function hasImage(docker: Docker, reference: string): Promise<boolean> {
  return (await docker.run(['image', 'inspect', reference])).exitCode === 0;
}
