// Turns an image archive into what scanners read: a layout folder that lists one image, for one platform.
import type { Directory, File } from '@dagger.io/dagger';
import type { RunContext } from './context.ts';
import { nodeContainer } from './install.ts';

const UNPACK = `mkdir -p /layout
tar -xf /image.tar -C /layout
cd /layout
size=$(stat -c %s "blobs/sha256/\${1#sha256:}")
type=application/vnd.oci.image.manifest.v1+json
printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s","digest":"%s","size":%s}]}' "$type" "$1" "$size" >index.json
`;

/** Of an index, Trivy takes the first entry, whatever it is for, and Syft takes none. */
export function layoutOf(context: RunContext, archive: File, manifest: string): Directory {
  return nodeContainer(context)
    .withMountedFile('/image.tar', archive)
    .withExec(['sh', '-euc', UNPACK, 'unpack', manifest])
    .directory('/layout');
}
