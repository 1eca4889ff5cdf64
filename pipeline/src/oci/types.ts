// The documents of an OCI image, with what Docker adds to them, and their media types.

export const MEDIA = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerLayerZstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
} as const;

/** The OCI name of every layer type that can be copied; what is missing here (foreign layers) cannot. */
export const OCI_LAYER_TYPES: ReadonlyMap<string, string> = new Map([
  [MEDIA.layer, MEDIA.layer],
  [MEDIA.layerGzip, MEDIA.layerGzip],
  [MEDIA.layerZstd, MEDIA.layerZstd],
  [MEDIA.dockerLayer, MEDIA.layer],
  [MEDIA.dockerLayerGzip, MEDIA.layerGzip],
  [MEDIA.dockerLayerZstd, MEDIA.layerZstd],
]);

/** The label, non-empty, of an image that was assembled here because no registry was reachable. Its text is the recipe. */
export const STAND_IN_LABEL = 'dev.drydock.stand-in';

/** What an assembled manifest says of its base, and how the history of its own layer begins. */
export const BASE_NAME = 'org.opencontainers.image.base.name';
export const BASE_DIGEST = 'org.opencontainers.image.base.digest';
export const ASSEMBLED = 'drydock assemble ';

/** Names bytes: what they are, how many, and their hash. */
export type Descriptor = {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: DescriptorPlatform;
  urls?: string[];
};

export type DescriptorPlatform = {
  architecture: string;
  os: string;
  variant?: string;
  'os.version'?: string;
  'os.features'?: string[];
};

/** One image for one platform. */
export type Manifest = {
  schemaVersion: 2;
  mediaType?: string;
  artifactType?: string;
  config: Descriptor;
  layers: Descriptor[];
  annotations?: Record<string, string>;
};

/** Several manifests, usually one for each platform. */
export type Index = {
  schemaVersion: 2;
  mediaType?: string;
  manifests: Descriptor[];
  annotations?: Record<string, string>;
};

/** Docker's health check; times in nanoseconds. `Test` begins with NONE, CMD or CMD-SHELL. */
export type Healthcheck = {
  Test?: string[];
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
};

/** How a container of the image runs. */
export type RunConfig = {
  User?: string;
  ExposedPorts?: Record<string, Record<string, never>>;
  Env?: string[];
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  Volumes?: Record<string, Record<string, never>> | null;
  WorkingDir?: string;
  Labels?: Record<string, string> | null;
  StopSignal?: string;
  Shell?: string[] | null;
  OnBuild?: string[] | null;
  Healthcheck?: Healthcheck;
};

export type History = {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
};

export type ImageConfig = {
  created?: string;
  author?: string;
  architecture: string;
  os: string;
  variant?: string;
  'os.version'?: string;
  'os.features'?: string[];
  config?: RunConfig;
  rootfs: { type: 'layers'; diff_ids: string[] };
  history?: History[];
};
