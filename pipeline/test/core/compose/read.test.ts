// Bad input, row by row, and what small files mean. That the model says what Docker Compose says is tested in system/platform/.
import { expect, test } from 'vitest';
import { type ComposeService, inOrder, patienceOf } from '../../../src/core/compose/model.ts';
import { readCompose } from '../../../src/core/compose/read.ts';

const VARIABLES = { APP_IMAGE: 'service:1' };
const one = (lines: string) => `services:\n  app:\n    image: service:1\n${lines.replace(/^/gm, '    ')}\n`;

const faults: [name: string, text: string, fault: string][] = [
  ['no YAML', 'services: [', 'docker-compose.yml:1: '],
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
  ['a port alone', one('ports: ["8080"]'), ':4: services.app.ports cannot be "8080"; write HOST:CONTAINER'],
  ['a file of the host', one('volumes: [/etc/passwd:/x]'), 'only files of the repository are at hand; write ./FILE'],
  ['a file above', one('volumes: [./../x:/x]'), 'only files of the repository are at hand'],
  ['a volume that is not declared', one('volumes: [data:/x]'), 'names "data", which is not declared'],
  ['a network that is not declared', one('networks: [front]'), 'names front, which is not declared'],
  [
    'a command with quotes',
    one(`command: sh -c 'x y'`),
    'services.app.command has quotes in it; write a list of words',
  ],
  ['an environment without a value', one('environment: { A: }'), 'services.app.environment.A has no value'],
  ['a duration', one('healthcheck: { interval: 5 }'), 'services.app.healthcheck.interval must be a text'],
  [
    'a duration with a unit nobody knows',
    one('healthcheck: { timeout: 5d }'),
    'cannot be "5d"; write 500ms, 10s or 1m30s',
  ],
  ['a test of no kind', one('healthcheck: { test: [wget, x] }'), 'test must begin with CMD, CMD-SHELL or NONE'],
  ['a slip in a healthcheck', one('healthcheck: { intervall: 5s }'), 'did you mean interval?'],
  ['a dependency that is not there', one('depends_on: [data]'), 'services.app depends on data, which is not there'],
  [
    'waiting for what has no healthcheck',
    `${one('depends_on: { data: { condition: service_healthy } }')}  data: { image: data:1 }\n`,
    'services.app waits for data to be healthy, but data has no healthcheck',
  ],
  [
    'a cycle',
    `${one('depends_on: [data]')}  data: { image: data:1, depends_on: [app] }\n`,
    'services.app depends on itself, by way of the others (and 1 more: ',
  ],
  ['a merge of no mapping', one('<<: [5]'), ':4: << must name a mapping'],
];
test.for(faults)('%s: %s', ([, text, fault]) => {
  expect(() => readCompose(text, VARIABLES)).toThrow(expect.objectContaining({ code: 'BAD_COMPOSE' }));
  expect(() => readCompose(text, VARIABLES)).toThrow(fault);
});

const service = (lines: string): ComposeService => {
  const [found] = readCompose(`${one(lines)}volumes: { data: }\nnetworks: { front: }\n`, VARIABLES).services;
  if (found === undefined) throw new Error('there is no service');
  return found;
};

const meanings: [lines: string, meaning: Partial<ComposeService>][] = [
  ['command: run --fast now', { command: ['run', '--fast', 'now'] }],
  ['environment: [A=1, B=x=y]', { environment: { A: '1', B: 'x=y' } }],
  ['environment: { A: 1, B: true, C: "" }', { environment: { A: '1', B: 'true', C: '' } }],
  ['environment: { A: "${NONE:-7}" }', { environment: { A: '7' } }],
  ['ports: ["127.0.0.1:80:8080/tcp"]', { ports: [{ host: '127.0.0.1', published: 80, target: 8080 }] }],
  ['volumes: [./a/b:/c:ro]', { binds: [{ source: 'a/b', target: '/c', readOnly: true }], volumes: [] }],
  ['volumes: [data:/d]', { binds: [], volumes: [{ name: 'data', target: '/d' }] }],
  ['tmpfs: /tmp:size=1m', { tmpfs: ['/tmp'] }],
  ['networks: { front: { aliases: [a] } }', {}],
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

test('each comes after what it depends on', () => {
  const depending = (name: string, ...on: string[]) => `  ${name}: { image: "x:1", depends_on: [${on.join(', ')}] }\n`;
  const text = `services:\n${depending('c', 'b')}${depending('b', 'a')}${depending('a')}`;
  expect(inOrder(readCompose(text, {}).services).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
});

test('Docker’s patience: the start, and then as many checks as may fail', () => {
  expect(patienceOf({ test: null, startSeconds: 10, intervalSeconds: 5, timeoutSeconds: 3, retries: 3 })).toBe(34);
});
