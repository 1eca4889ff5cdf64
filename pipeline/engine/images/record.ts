// What the store remembers of an image: enough to run it and to write it out again byte for byte.
import type { Descriptor, ImageConfig } from '../../src/oci/layout.ts';

export interface ImageRecord {
  /** What a pin names: an index or a manifest. */
  readonly top: Descriptor;
  readonly manifest: Descriptor;
  /** Config first, then layers. */
  readonly blobs: readonly Descriptor[];
  readonly config: ImageConfig;
  readonly platform: string;
  /** How the image was assembled, when it is not the pinned one. */
  readonly standIn?: string;
  readonly importedAt: number;
}
