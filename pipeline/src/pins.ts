// Every image that the pipeline uses, once: name, tag and the digest of its index. Nothing is ever pulled by tag alone.

export const PINS = {
  /** Lint, test, build: the Node major and the libc of `runtime`. */
  node: {
    image: 'docker.io/library/node:24.21.0-bookworm-slim',
    digest: 'sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6',
  },
  /** What the service's image is built on. */
  runtime: {
    image: 'gcr.io/distroless/nodejs24-debian13:nonroot',
    digest: 'sha256:9eeb7f5887d0e239e78264b06f7f11d2e14be534050481803a9e4728fcdd278e',
  },
  nginx: {
    image: 'docker.io/nginxinc/nginx-unprivileged:1.30.5-alpine',
    digest: 'sha256:4714e0b1b2577eaa1a6131d07c958b67f0eb68e6d0521e90c6e5287db8cf0bc5',
  },
  prometheus: {
    image: 'docker.io/prom/prometheus:v3.15.0',
    digest: 'sha256:efd719c99d83b060d9daefdcf00360461adf279f45ef5391f8d111892118753e',
  },
  alertmanager: {
    image: 'docker.io/prom/alertmanager:v0.34.1',
    digest: 'sha256:e9733bafb1bdef9b00e25a21f8f99dc26a22224bf16641ad754d1649f4c3357a',
  },
  grafana: {
    image: 'docker.io/grafana/grafana:13.2.3',
    digest: 'sha256:b28bae15e219c998fb0e0424ed724930cc61b1f61fb404d47c862f9a23f9e572',
  },
  syft: {
    image: 'docker.io/anchore/syft:v1.54.1',
    digest: 'sha256:3eb5379ba7b409c3f4069b686110527af0c47df993fa5c10d13e7cf34f49b1aa',
  },
  /** By digest only: tags of this image were taken over in March 2026, digests never moved. */
  trivy: {
    image: 'docker.io/aquasec/trivy:0.75.0',
    digest: 'sha256:af6acf9a6b85dfe389a1941505c0ce9efef52a4719635e1a962f022a3d855daa',
  },
  cosign: {
    image: 'ghcr.io/sigstore/cosign/cosign:v3.1.3',
    digest: 'sha256:9e5c2f2edc34351160407ca3416c61855bdf9403c3c5936e0f0be7fc261611b8',
  },
  registry: {
    image: 'docker.io/library/registry:3.1',
    digest: 'sha256:85347ed2ecde64161c7a4788a4d7d3dcc9d6f86f7be95834022e3c6a423a945a',
  },
  /** The real engine that the pipeline is compared with. */
  engine: {
    image: 'registry.dagger.io/engine:v0.21.8',
    digest: 'sha256:c9c1a0a6546380983d42e8d75adde070a2a0935c54b498d8bc9045d9cb2ee336',
  },
} as const;

export type PinName = keyof typeof PINS;

export const PIN_NAMES = Object.keys(PINS) as PinName[];

/** `registry/repository:tag@sha256:…`, as registries and engines take it. */
export function pinned(name: PinName): string {
  return `${PINS[name].image}@${PINS[name].digest}`;
}

/** The file that holds this pin in a folder of archives (`--images`, `ci.ts images`). */
export function archiveOf(name: string): string {
  return `${name}.tar`;
}

/** What an image is called there that a repository names, and no pin: by all of its reference, as far as a file's name can say it. */
export function imageName(reference: string): string {
  return `image-${reference
    .replace(/(?<=@sha256:[0-9a-f]{12}).*/, '')
    .replace(/[^a-z0-9.]+/gi, '-')
    .toLowerCase()}`;
}
