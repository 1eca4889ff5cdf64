// Where an image is delivered to.

export type Target = {
  /** `ghcr.io`, `127.0.0.1:5000` */
  registry: string;
  /** `acme/app` */
  repository: string;
  /** This machine by its very address: what happens there is a rehearsal. */
  isLoopback: boolean;
};

export function nameOf({ registry, repository }: Target): string {
  return `${registry}/${repository}`;
}
