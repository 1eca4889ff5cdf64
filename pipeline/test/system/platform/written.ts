// What `docker compose config` writes of a file, in the words of the model.
import { relative } from 'node:path';
import type { ComposeService } from '../../../src/core/compose/model.ts';

type Mount = { type: string; source?: string; target: string; read_only?: boolean };
type Grant = { source: string; target?: string };

type Written = {
  image: string;
  entrypoint: string[] | null;
  command: string[] | null;
  environment?: Record<string, string | null>;
  user?: string;
  working_dir?: string;
  ports?: { host_ip?: string; published?: string; target: number; protocol: string }[];
  volumes?: Mount[];
  tmpfs?: string[];
  configs?: Grant[];
  secrets?: Grant[];
  healthcheck?: {
    test?: string[];
    interval?: string;
    timeout?: string;
    start_period?: string;
    retries?: number;
    disable?: boolean;
  };
  depends_on?: Record<string, { condition: string; required: boolean }>;
};

type File = {
  services?: Record<string, Written>;
  configs?: Record<string, { file?: string }>;
  secrets?: Record<string, { file?: string }>;
};

/** A service without what only the model knows of it. */
export type Meaning = Omit<ComposeService, 'name' | 'place' | 'envFiles'>;

/** What it writes is a Compose file again, so a $ is doubled in it. */
export function meaningsOf(json: string, folder: string): Record<string, Meaning> {
  const file = JSON.parse(json.replaceAll('$$', '$')) as File;
  const services = Object.entries(file.services ?? {});
  return Object.fromEntries(services.map(([name, written]) => [name, meaningOf(written, file, folder)]));
}

export function meaningOfModel({ name: _name, place: _place, envFiles: _files, ...service }: ComposeService): Meaning {
  return sorted(service);
}

function meaningOf(written: Written, file: File, folder: string): Meaning {
  const { volumes = [] } = written;
  const tmpfs = (written.tmpfs ?? []).map((text) => (text.split(':')[0] ?? '').replace(/(?<=.)\/$/, ''));
  const inside = (path: string) => relative(folder, path) || '.';
  const granted = (kind: 'configs' | 'secrets', where: string) =>
    (written[kind] ?? []).map(({ source, target = source }) => ({
      source: inside(file[kind]?.[source]?.file ?? ''),
      target: target.startsWith('/') ? target : `${where}${target}`,
      readOnly: true,
    }));
  return sorted({
    image: written.image,
    entrypoint: written.entrypoint,
    command: written.command,
    environment: Object.fromEntries(
      Object.entries(written.environment ?? {}).filter((pair): pair is [string, string] => pair[1] !== null),
    ),
    user: written.user ?? null,
    workdir: written.working_dir ?? null,
    ports: (written.ports ?? []).map(({ host_ip, published, target, protocol }) => ({
      host: host_ip ?? null,
      // Any that is free.
      published: published === undefined || published === '0' || published.includes('-') ? null : Number(published),
      target,
      protocol,
    })),
    binds: [
      ...volumes
        .filter(({ type }) => type === 'bind')
        .map(({ source = '', target, read_only }) => ({
          source: inside(source),
          target,
          readOnly: read_only === true,
        })),
      ...granted('configs', '/'),
      ...granted('secrets', '/run/secrets/'),
    ],
    volumes: volumes
      .filter(({ type }) => type === 'volume')
      .map(({ source, target }) => ({ name: source ?? null, target })),
    tmpfs: [...tmpfs, ...volumes.filter(({ type }) => type === 'tmpfs').map(({ target }) => target)],
    healthcheck: checkOf(written.healthcheck),
    dependsOn: Object.fromEntries(
      Object.entries(written.depends_on ?? {}).map(([name, { condition }]) => [name, condition]),
    ) as Meaning['dependsOn'],
  });
}

/** What is said in another order means the same. */
function sorted(service: Meaning): Meaning {
  const byText = (one: unknown, other: unknown) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1);
  const { ports, binds, volumes, tmpfs } = service;
  return {
    ...service,
    ports: ports.toSorted(byText),
    binds: binds.toSorted(byText),
    volumes: volumes.toSorted(byText),
    tmpfs: tmpfs.toSorted(byText),
  };
}

/** Docker's own values where nothing is said. */
function checkOf(check: Written['healthcheck'] = {}): Meaning['healthcheck'] {
  if (check.disable === true || check.test?.[0] === 'NONE') return null;
  return {
    test: check.test ?? null,
    intervalSeconds: seconds(check.interval) || 30,
    timeoutSeconds: seconds(check.timeout) || 30,
    startSeconds: seconds(check.start_period),
    retries: check.retries || 3,
  };
}

/** Compose writes `1h1m0.5s`. */
function seconds(text = '0s'): number {
  const units: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 0.001, µs: 1e-6, ns: 1e-9 };
  const parts = [...text.matchAll(/([\d.]+)(h|ms|m|s|µs|ns)/g)];
  return parts.reduce((sum, [, count, unit = 's']) => sum + Number(count) * (units[unit] ?? 1), 0);
}
