// The model of docker-compose.yml says what the real Docker Compose says of the same file, with the same variables.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { COMPOSE_FILE, readCompose } from '../../../src/core/compose/read.ts';
import { ROOT } from '../support.ts';
import { compose } from './compose.ts';
import { meaningOfModel, meaningsOf } from './written.ts';

const VARIABLES = [
  { APP_IMAGE: 'service:1' },
  { APP_IMAGE: 'service:2', LOG_LEVEL: 'warn', APP_COMMIT: 'abc', HTTP_PORT: '80', ALERTMANAGER_SECRETS: './secrets' },
];
test.for(VARIABLES)('with %o', async (variables) => {
  const docker = await compose();
  const { stdout, stderr } = await docker(['config', '--format', 'json'], variables);
  expect(stderr).toBe('');
  const { services } = readCompose(await readFile(join(ROOT, COMPOSE_FILE), 'utf8'), variables);
  const read = Object.fromEntries(services.map((service) => [service.name, meaningOfModel(service)]));
  expect(read).toEqual(meaningsOf(stdout, ROOT));
});
