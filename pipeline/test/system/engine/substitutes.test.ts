// Public images by their tags where no registry answers, as programs of Dagger's documentation and of everyday use name them: substitutes in their place.
import { describe, expect, test } from 'vitest';
import { openSession } from '../engine-session.ts';
import { sdkSession } from '../sdk-session.ts';

const isRegistryThere = await fetch('https://registry-1.docker.io/v2/').then(
  () => true,
  () => false,
);

describe.skipIf(isRegistryThere)('where no registry answers (Docker’s is none)', () => {
  const t = sdkSession();
  const { dag } = t;

  const rows: [image: string, script: string, said: RegExp][] = [
    ['alpine:latest', 'echo "Hello from $(uname -s)"; ls /etc | grep passwd', /^Hello from Linux\npasswd\n$/],
    ['alpine:3.22', 'apk add curl 2>&1 || true', /only stands in for Alpine.*debian:13 has apt-get/],
    ['busybox', 'echo a b | wc -w; id -un', /^2\nroot\n$/],
    [
      'node:24',
      'node -p "6 * 7"; npm --version; yarn --version; corepack --version; git --version',
      /^42\n\d+\.\d+.*\n1\.22\.22\n/,
    ],
    ['node:22-slim', 'node --version; npm --version', /^v22\.\d+/],
    [
      'python:3.13-slim',
      'python -c "import ssl, sqlite3, venv; print(sum(range(5)))"; python -m venv /v && /v/bin/pip --version; pip --version',
      /^10\npip \d+.*\/v\/.*\npip \d+/,
    ],
    [
      'debian',
      'apt-get update -qq && apt-get install -y -qq --no-install-recommends jq >/dev/null 2>&1; echo [1,2] | jq -c',
      /^\[1,2\]\n$/,
    ],
    ['debian:12-slim', 'cat /etc/debian_version; dpkg --verify apt && dpkg --audit', /^12\.\d+\n$/],
  ];
  test.for(rows)('%s: %s', async ([image, script, said]) => {
    expect(await dag.container().from(image).withExec(['sh', '-c', script]).stdout()).toMatch(said);
    expect(t.said()).toContain(`warning: no registry could give ${image}; a substitute runs in its place: `);
  });

  const from = (image: string) => dag.container().from(image);
  const client = (image: string) => from(image).withEnvVariable('PGPASSWORD', 'secret');

  test('nginx serves what is put into it', async () => {
    const page = from('nginx:alpine').withNewFile('/usr/share/nginx/html/index.html', 'hello').asService();
    const got = from('busybox').withServiceBinding('web', page).withExec(['wget', '-qO-', 'http://web']);
    expect(await got.stdout()).toBe('hello');
  });

  test('redis keeps what it is told', async () => {
    const redis = from('redis:8-alpine').asService({ useEntrypoint: true });
    const ask = from('redis:8-alpine').withServiceBinding('cache', redis);
    expect(await ask.withExec(['redis-cli', '-h', 'cache', 'set', 'a', '1']).stdout()).toBe('OK\n');
  });

  test('postgres: a database of the name, user and password that were asked for', async () => {
    const database = from('postgres:17')
      .withEnvVariable('POSTGRES_USER', 'app')
      .withEnvVariable('POSTGRES_PASSWORD', 'secret')
      .withEnvVariable('POSTGRES_DB', 'shop')
      .withNewFile(
        '/docker-entrypoint-initdb.d/1.sql',
        'create table item (name text); insert into item values ($$one$$);',
      )
      .withExposedPort(5432)
      .asService({ useEntrypoint: true });
    const query = ['psql', '-h', 'db', '-U', 'app', '-d', 'shop', '-Atc', 'select name from item'];
    const asked = client('postgres:17').withServiceBinding('db', database).withExec(query);
    expect(await asked.stdout()).toBe('one\n');
  });

  test('postgres without a password ends, and says what to set', async () => {
    const failure = await t.failure(from('postgres').withExec([], { useEntrypoint: true }).sync());
    expect(failure).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('set POSTGRES_PASSWORD') });
  });

  test('a substitute says what it is in its label', async () => {
    expect(await from('node:24').label('dev.drydock.stand-in')).toMatch(
      /^node:24, assembled from \d+ Debian packages, npm /,
    );
  });

  test('of what there is none, the fault names those that there are', async () => {
    const { message } = await t.failure(from('golang:1.24').sync());
    expect(message).toMatch(
      /cannot have docker\.io\/library\/golang:1\.24: .*there are substitutes for busybox, .*node:24, /,
    );
  });

  test.for(['registry.example/library/node:24', 'someone/node:24', 'node:24-windowsservercore', 'node:24.1.2'])(
    '%s is something else',
    async (image) => expect((await t.failure(from(image).sync())).message).toMatch(/cannot have /),
  );

  test('DRYDOCK_SUBSTITUTES=0: none is used, nor one that was made before', async () => {
    const session = await openSession({ DRYDOCK_SUBSTITUTES: '0' });
    await expect(session.ask('{ container { from(address: "busybox") { sync } } }')).rejects.toThrow(
      /cannot have docker\.io\/library\/busybox: (?!.*substitutes)/,
    );
    await session.close();
  });
});
