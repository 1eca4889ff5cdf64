// What docker-compose.yml says, as far as it can be carried out without Docker, and what of it is only taken note of.

export type ComposeFile = {
  services: ComposeService[];
  /** Keys that a session does not enforce. */
  noted: Noted[];
};

/** `place` is `file:line` of the first service that says it. */
export type Noted = { key: string; services: string[]; place: string; why: string };

export type Condition = 'service_started' | 'service_healthy' | 'service_completed_successfully';

export type ComposeService = {
  name: string;
  /** `file:line`. */
  place: string;
  image: string;
  /** Null where the image's own is meant. */
  entrypoint: string[] | null;
  command: string[] | null;
  environment: Record<string, string>;
  /** Of the repository; a later one says more than one before it, and `environment` more than all. */
  envFiles: { path: string; isRequired: boolean }[];
  user: string | null;
  workdir: string | null;
  ports: Port[];
  binds: Bind[];
  /** Folders of volumes; one without a name is the service's own. */
  volumes: { name: string | null; target: string }[];
  tmpfs: string[];
  /** Null where it is off. */
  healthcheck: Healthcheck | null;
  dependsOn: Record<string, Condition>;
};

/** `published` is null where any that is free will do. */
export type Port = { host: string | null; published: number | null; target: number; protocol: string };
/** `source` is relative to the folder of the file, without `./`; `.` for the folder itself. */
export type Bind = { source: string; target: string; readOnly: boolean };

export type Healthcheck = {
  /** `['CMD', …]` or `['CMD-SHELL', text]`; null where the image's own is asked. */
  test: string[] | null;
  intervalSeconds: number;
  timeoutSeconds: number;
  startSeconds: number;
  retries: number;
};

/** How long a service may take until it is healthy: what Docker gives it before it says `unhealthy`. */
export function patienceOf({ startSeconds, intervalSeconds, timeoutSeconds, retries }: Healthcheck): number {
  return startSeconds + retries * (intervalSeconds + timeoutSeconds);
}

/** Services, each after those it depends on. A cycle is refused when the file is read. */
export function inOrder(services: readonly ComposeService[]): ComposeService[] {
  const done = new Set<ComposeService>();
  const visit = (service: ComposeService): void => {
    if (done.has(service)) return;
    for (const name of Object.keys(service.dependsOn)) {
      const needed = services.find((other) => other.name === name);
      if (needed !== undefined) visit(needed);
    }
    done.add(service);
  };
  for (const service of services) visit(service);
  return [...done];
}
