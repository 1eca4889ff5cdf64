// The model of docker-compose.yml says what the real Docker Compose says of the same file, with the same variables.
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import type { ComposeService } from '../../../src/core/compose/model.ts';
import { COMPOSE_FILE, readCompose } from '../../../src/core/compose/read.ts';
import { ROOT } from '../support.ts';
import { compose } from './compose.ts';

type Mount = { type: 'bind' | 'volume'; source: string; target: string; read_only?: boolean };

/** What `docker compose config` writes of a service. */
type Written = {
  image: string;
  entrypoint: string[] | null;
  command: string[] | null;
  environment?: Record<string, string>;
  ports?: { host_ip?: string; published: string; target: number }[];
  volumes?: Mount[];
  tmpfs?: string[];
  healthcheck?: { test?: string[]; interval?: string; timeout?: string; start_period?: string; retries?: number };
  depends_on?: Record<string, { condition: string }>;
};

const VARIABLES = [
  { APP_IMAGE: 'service:1' },
  { APP_IMAGE: 'service:2', LOG_LEVEL: 'warn', APP_COMMIT: 'abc', HTTP_PORT: '80', ALERTMANAGER_SECRETS: './secrets' },
];
test.for(VARIABLES)('with %o', async (variables) => {
  const docker = await compose();
  const { stdout, stderr } = await docker(['config', '--format', 'json'], variables);
  expect(stderr).toBe('');
  // What it writes is a Compose file again, so a $ is doubled in it.
  const written = JSON.parse(stdout.replaceAll('$$', '$')).services as Record<string, Written>;
  const { services } = readCompose(await readFile(join(ROOT, COMPOSE_FILE), 'utf8'), variables);
  const read = Object.fromEntries(services.map(({ name, place: _place, ...service }) => [name, service]));
  expect(read).toEqual(Object.fromEntries(Object.entries(written).map(([name, service]) => [name, toModel(service)])));
});

function toModel(written: Written): Omit<ComposeService, 'name' | 'place'> {
  const { healthcheck: check, volumes = [] } = written;
  return {
    image: written.image,
    entrypoint: written.entrypoint,
    command: written.command,
    environment: written.environment ?? {},
    user: null,
    workdir: null,
    ports: (written.ports ?? []).map(({ host_ip, published, target }) => ({
      host: host_ip ?? null,
      published: Number(published),
      target,
    })),
    binds: volumes
      .filter(({ type }) => type === 'bind')
      .map(({ source, target, read_only }) => ({
        source: relative(ROOT, source),
        target,
        readOnly: read_only === true,
      })),
    volumes: volumes.filter(({ type }) => type === 'volume').map(({ source, target }) => ({ name: source, target })),
    tmpfs: (written.tmpfs ?? []).map((text) => text.split(':')[0] ?? ''),
    healthcheck:
      check === undefined
        ? null
        : {
            test: check.test ?? null,
            intervalSeconds: seconds(check.interval),
            timeoutSeconds: seconds(check.timeout),
            startSeconds: seconds(check.start_period),
            retries: check.retries ?? 3,
          },
    dependsOn: Object.fromEntries(
      Object.entries(written.depends_on ?? {}).map(([name, { condition }]) => [
        name,
        condition === 'service_healthy' ? condition : 'service_started',
      ]),
    ),
  };
}

/** Compose writes `1m0s`. */
function seconds(text = '0s'): number {
  const [, minutes = '0', rest = '0'] = /^(?:(\d+)m)?(\d+)s$/.exec(text) ?? [];
  return Number(minutes) * 60 + Number(rest);
}
