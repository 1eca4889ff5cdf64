// Bad input, row by row, and what small files mean. That the model says what Docker Compose says is tested in system/platform/.
import { expect, test } from 'vitest';
import { type ComposeService, inOrder, patienceOf } from '../../../src/core/compose/model.ts';
import { readCompose } from '../../../src/core/compose/read.ts';

const VARIABLES = { APP_IMAGE: 'service:1' };
const one = (lines: string) => `services:\n  app:\n    image: service:1\n${lines.replace(/^/gm, '    ')}\n`;

/** Nine levels, each nine times the one before: 387 million values in a file of less than a kilobyte. */
const bomb = Array.from({ length: 9 }, (_, level) => {
  const below = level === 0 ? 'lol' : `*l${level - 1}`;
  return `x-l${level}: &l${level} [${Array(9).fill(below).join(', ')}]`;
}).join('\n');

const faults: [name: string, text: string, fault: string][] = [
  ['no YAML', 'services: [', 'docker-compose.yml:1: '],
  ['aliases of aliases of aliases', `${bomb}\n${one('')}`, ':1: its aliases repeat more than 100000 values'],
  ['an alias that holds itself', `x-a: &a [*a]\n${one('')}`, ':1: its aliases repeat more than 100000 values'],
  ['no services', 'name: x', 'docker-compose.yml:1: services has to be there'],
  ['a slip at the top', `${one('')}netwroks: {}`, ':5: there is no "netwroks"; did you mean networks?'],
  ['a slip in a service', one('restrat: always'), ':4: there is no "services.app.restrat"; did you mean restart?'],
  [
    'a key that would change the service',
    one('privileged: true'),
    ':4: services.app.privileged cannot be carried out; ',
  ],
  ['a build', one('build: .'), ':4: services.app.build cannot be carried out; name an image'],
  ['no image', 'services:\n  app:\n    command: [x]\n', ':3: services.app.image is missing'],
  ['an undefined variable', 'services:\n  app:\n    image: $NONE\n', ':3: NONE is not defined; '],
  ['one that has to be', one('user: ${WHO:?say who}'), ':4: WHO is not defined: say who'],
  [
    'a port that there is not',
    one('ports: ["99999:80"]'),
    ':4: services.app.ports cannot be "99999:80"; write HOST:CONTAINER',
  ],
  ['a port that is said twice', one('ports: [80, "0:80"]'), ':4: services.app.ports has a port twice'],
  ['an address that there is not', one('ports: ["1.2.3.999:80:80"]'), 'cannot be "1.2.3.999:80:80"'],
  ['no service', 'services:\n  app:\n', ':2: services.app has neither an image nor anything else'],
  ['an empty environment', one('environment:'), 'services.app.environment has no value; leave it out'],
  ['empty volumes', one('volumes:'), 'services.app.volumes has no value; leave it out'],
  ['what is no number', one('environment: { A: .inf }'), ':4: .inf is a number that Compose refuses; put it in quotes'],
  [
    'a date',
    one('environment: { A: 2001-01-01 }'),
    'environment A must be a text, a number, true or false; put it in quotes',
  ],
  ['a number among words', one('command: [sleep, 5]'), 'services.app.command must be a text; put it in quotes'],
  ['a limit of no size', one('mem_limit: much'), 'services.app.mem_limit must be like 256M'],
  [
    'a slip in a key that is only noted',
    one('deploy: { resources: { limit: {} } }'),
    'services.app.deploy resources has no "limit"',
  ],
  ['no replica', one('deploy: { replicas: 0 }'), 'deploy.replicas cannot be 0; give the service a profile'],
  [
    'another name in a network',
    `${one('networks: { front: { aliases: [api] } }')}networks: { front: }`,
    ':4: services.app.networks.front.aliases cannot be carried out; ask for app instead of api',
  ],
  [
    'a fixed address',
    `${one('networks: { front: { ipv4_address: 10.0.0.2 } }')}networks: { front: }`,
    'ipv4_address cannot be carried out; leave it out',
  ],
  [
    'a secret that is no file',
    `${one('secrets: [key]')}secrets: { key: { environment: KEY } }`,
    'names key, which is no file',
  ],
  [
    'another file',
    `${one('')}include: [other.yml]`,
    'include cannot be carried out; write the services into this file',
  ],
  [
    'a dependency that has a profile',
    `${one('depends_on: [data]')}  data: { image: "x:1", profiles: [debug] }\n`,
    'depends on data, which has a profile and is not deployed',
  ],
  ['a file of the host', one('volumes: [/etc/passwd:/x]'), 'only files of the repository are at hand; write ./FILE'],
  ['a file above', one('volumes: [./../x:/x]'), 'only files of the repository are at hand'],
  ['a volume that is not declared', one('volumes: [data:/x]'), 'names "data", which is not declared'],
  ['a network that is not declared', one('networks: [front]'), 'names front, which is not declared'],
  ['a command of a shell', one(`command: a; b`), 'signs of a shell; write a list of words'],
  ['a command with a quote without an end', one(`command: a "b`), 'has quotes without an end'],
  [
    'a duration',
    one('healthcheck: { interval: 5 }'),
    'services.app.healthcheck.interval must be like 500ms, 10s or 1m30s',
  ],
  [
    'a duration with a unit nobody knows',
    one('healthcheck: { timeout: 5d }'),
    'timeout must be like 500ms, 10s or 1m30s',
  ],
  ['a test of no kind', one('healthcheck: { test: [wget, x] }'), 'test must begin with CMD, CMD-SHELL or NONE'],
  ['a slip in a healthcheck', one('healthcheck: { intervall: 5s }'), 'did you mean interval?'],
  ['a dependency that is not there', one('depends_on: [data]'), 'services.app depends on data, which is not there'],
  [
    'waiting for what has its healthcheck off',
    `${one('depends_on: { data: { condition: service_healthy } }')}  data: { image: data:1, healthcheck: { disable: true } }\n`,
    'services.app waits for data to be healthy, but the healthcheck of data is off',
  ],
  [
    'a cycle',
    `${one('depends_on: [data]')}  data: { image: data:1, depends_on: [app] }\n`,
    'services.app depends on itself, by way of the others (and 1 more: ',
  ],
  ['extending nobody', one('extends: nobody'), ':4: extends must name a service of this file, and not itself'],
  ['extending itself', one('extends: app'), ':4: extends must name a service of this file, and not itself'],
  [
    'extending another file',
    one('extends: { service: app, file: x.yml }'),
    ':4: extends must name a service of this file',
  ],
  ['a merge of no mapping', one('<<: [5]'), ':4: << must name a mapping'],
];
test.for(faults)('%s: %s', ([, text, fault]) => {
  expect(() => readCompose(text, VARIABLES)).toThrow(expect.objectContaining({ code: 'BAD_COMPOSE' }));
  expect(() => readCompose(text, VARIABLES)).toThrow(fault);
});

const service = (lines: string): ComposeService => {
  const [found] = readCompose(
    `${one(lines)}volumes: { data: }\nnetworks: { front: }\nsecrets: { key: { file: key.txt } }\nconfigs: { conf: { file: ./x.conf } }\n`,
    VARIABLES,
  ).services;
  if (found === undefined) throw new Error('there is no service');
  return found;
};

const meanings: [lines: string, meaning: Partial<ComposeService>][] = [
  ['command: run --fast now', { command: ['run', '--fast', 'now'] }],
  ['environment: [A=1, B=x=y]', { environment: { A: '1', B: 'x=y' } }],
  ['environment: { A: 1, B: true, C: "" }', { environment: { A: '1', B: 'true', C: '' } }],
  [
    'environment: { A: "${NONE:-7}", B: "${NONE:-1.10}", C: "${NONE:-*}" }',
    { environment: { A: '7', B: '1.10', C: '*' } },
  ],
  [
    'environment: { A: 010, B: 0x10, C: 1234567890123456789 }',
    { environment: { A: '8', B: '16', C: '1234567890123456789' } },
  ],
  [
    'environment: { A: 1.10, B: 1e7, C: 1_000, D: 0o17, E: yes }',
    { environment: { A: '1.1', B: '1e+07', C: '1000', D: '15', E: 'yes' } },
  ],
  ['environment: [APP_IMAGE, NONE]', { environment: { APP_IMAGE: 'service:1' } }],
  [`command: sh -c 'x  y' "a\\b"`, { command: ['sh', '-c', 'x  y', 'ab'] }],
  ['ports: ["8080"]', { ports: [{ host: null, published: null, target: 8080, protocol: 'tcp' }] }],
  [
    'ports: [{ target: "80", published: 8080 }]',
    { ports: [{ host: null, published: 8080, target: 80, protocol: 'tcp' }] },
  ],
  [
    'volumes: [.:/app, "./x/:/y:ro,z"]',
    {
      binds: [
        { source: '.', target: '/app', readOnly: false },
        { source: 'x', target: '/y', readOnly: true },
      ],
    },
  ],
  [
    'env_file: [a.env, { path: b.env, required: false }]',
    {
      envFiles: [
        { path: 'a.env', isRequired: true },
        { path: 'b.env', isRequired: false },
      ],
    },
  ],
  ['secrets: [key]', { binds: [{ source: 'key.txt', target: '/run/secrets/key', readOnly: true }] }],
  [
    'configs: [{ source: conf, target: /etc/x.conf }]',
    { binds: [{ source: 'x.conf', target: '/etc/x.conf', readOnly: true }] },
  ],
  [
    'ports: ["127.0.0.1:80:8080/tcp"]',
    { ports: [{ host: '127.0.0.1', published: 80, target: 8080, protocol: 'tcp' }] },
  ],
  ['volumes: [./a/b:/c:ro]', { binds: [{ source: 'a/b', target: '/c', readOnly: true }], volumes: [] }],
  ['volumes: [data:/d]', { binds: [], volumes: [{ name: 'data', target: '/d' }] }],
  ['tmpfs: /tmp:size=1m', { tmpfs: ['/tmp'] }],
  ['healthcheck: { disable: true }', { healthcheck: null }],
  ['healthcheck: { test: [NONE] }', { healthcheck: null }],
];
test.for(meanings)('%s', ([lines, meaning]) => expect(service(lines)).toMatchObject(meaning));

test('a check that is a text is for the shell, and its times are Docker’s where it has none', () => {
  const { healthcheck } = service('healthcheck:\n  test: wget -q x\n  retries: ${N:-5}');
  expect(healthcheck).toEqual({
    test: ['CMD-SHELL', 'wget -q x'],
    intervalSeconds: 30,
    timeoutSeconds: 30,
    startSeconds: 0,
    retries: 5,
  });
});

test('anchors are merged, and what a service says itself comes first', () => {
  const text = `x-every: &every
  restart: always
  user: "1"
  environment: { A: "1" }
services:
  app:
    <<: *every
    image: \${APP_IMAGE}
    user: "2"
`;
  const { services, noted } = readCompose(text, VARIABLES);
  expect(services).toMatchObject([{ name: 'app', image: 'service:1', user: '2', environment: { A: '1' } }]);
  expect(noted).toEqual([
    { key: 'restart', services: ['app'], place: 'docker-compose.yml:2', why: 'what ends stays ended' },
  ]);
});

const notes: [lines: string, key: string, why: string][] = [
  ['deploy: { replicas: 2 }', 'replicas', 'one of each service is started'],
  ['mem_limit: 256m', 'mem_limit', 'limits of memory, processors and processes do not hold'],
  ['environment: [NONE]', 'environment', 'NONE of the environment is not handed on'],
  ['tty: true', 'tty', 'there is no terminal'],
];
test.for(notes)('%s is noted', ([lines, key, why]) => {
  expect(readCompose(one(lines), VARIABLES).noted).toContainEqual({
    key,
    services: ['app'],
    place: 'docker-compose.yml:4',
    why,
  });
});

test('services that could not reach each other are noted, and a network that leads nowhere', () => {
  const text = `${one('networks: [front]')}  data: { image: "x:1", networks: [back] }\nnetworks: { front: , back: { internal: true } }\n`;
  expect(readCompose(text, VARIABLES).noted).toMatchObject([
    { key: 'networks', place: 'docker-compose.yml:6', why: 'all services share one network, and can reach each other' },
    { key: 'networks', why: 'back is internal, but the world can be reached' },
  ]);
});

test('services with a profile are left out, and noted; what may be missing is not waited for', () => {
  const optional = 'depends_on: { data: { condition: service_started, required: false } }';
  const found = readCompose(`${one(optional)}  data: { image: "x:1", profiles: [debug] }\n`, VARIABLES);
  expect(found.services).toMatchObject([{ name: 'app', dependsOn: {} }]);
  expect(found.noted).toMatchObject([{ key: 'profiles', services: ['data'] }]);
});

test('what changes nothing is taken without a word', () => {
  const lines = 'expose: ["80"]\nx-note: { any: thing }\nnetworks: [default]\nhealthcheck: { x-why: 1, retries: "3" }';
  expect(readCompose(one(lines), VARIABLES).noted).toEqual([]);
});

/** As Docker's documentation of `extends` and of merging has it. */
const extensions: [name: string, base: string, own: string, meaning: Partial<ComposeService>][] = [
  ['a single value is replaced', 'user: "1"', 'user: "2"', { user: '2' }],
  ['commands are replaced', 'command: [a, b]', 'command: c', { command: ['c'] }],
  [
    'environments are merged, in whatever form',
    'environment: { A: 1, B: 2 }',
    'environment: [B=local, C]',
    { environment: { A: '1', B: 'local' } },
  ],
  [
    'ports are more',
    'ports: ["1:1"]',
    'ports: ["2:2"]',
    {
      ports: [
        { host: null, published: 1, target: 1, protocol: 'tcp' },
        { host: null, published: 2, target: 2, protocol: 'tcp' },
      ],
    },
  ],
  [
    'so are files of variables',
    'env_file: a.env',
    'env_file: [b.env]',
    {
      envFiles: [
        { path: 'a.env', isRequired: true },
        { path: 'b.env', isRequired: true },
      ],
    },
  ],
];
test.for(extensions)('extends: %s', ([, base, own, meaning]) => {
  const text = `services:\n  base: { image: "x:1", ${base} }\n  app:\n    extends: { service: base }\n    ${own}\n`;
  expect(readCompose(text, {}).services.find(({ name }) => name === 'app')).toMatchObject({ image: 'x:1', ...meaning });
});

test('each comes after what it depends on', () => {
  const depending = (name: string, ...on: string[]) => `  ${name}: { image: "x:1", depends_on: [${on.join(', ')}] }\n`;
  const text = `services:\n${depending('c', 'b')}${depending('b', 'a')}${depending('a')}`;
  expect(inOrder(readCompose(text, {}).services).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
});

test('Docker’s patience: the start, and then as many checks as may fail', () => {
  expect(patienceOf({ test: null, startSeconds: 10, intervalSeconds: 5, timeoutSeconds: 3, retries: 3 })).toBe(34);
});
