// Makes docker-compose.yml files from the Compose specification's fields, each from a seed: mostly what people write, and now and then what
// the specification does not allow, or readers of YAML take differently.

/** Of what Compose is started with. */
export const VARIABLES = { NAME: 'value', EMPTY: '', COUNT: '3', WORD: 'yes' };

/** Values that a bar divides; ε is none, and blanks at an end do not count. */
const values = (text: string) => text.split('¦').map((value) => value.trim().replace(/^ε$/, ''));

type Pick = { chance: (of: number) => boolean; one: <T>(from: readonly T[]) => T };

function pickFrom(seed: number): Pick {
  let state = (seed + 1) * 2_654_435_761;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  for (let warm = 0; warm < 8; warm += 1) next();
  return {
    chance: (of) => next() < of,
    one: (from) => from[Math.floor(next() * from.length)] as (typeof from)[number],
  };
}

/** Words that readers of YAML do not agree on, and what is special to one of them. The YAML 1.1 and 1.2 specifications name them. */
const WORDS = [
  ...values(
    `010 ¦ 0o17 ¦ 0x10 ¦ 0b11 ¦ 08 ¦ 1_000 ¦ 1.10 ¦ 1e3 ¦ 1E-7 ¦ .5 ¦ 5. ¦ +5 ¦ -0 ¦ -0.0 ¦ 1234567.5 ¦ 100000000.0`,
  ),
  ...values(
    `1234567890123456789 ¦ 18446744073709551615 ¦ 18446744073709551616 ¦ -9223372036854775809 ¦ 0.1 ¦ 99999999999999999999.5`,
  ),
  ...values(
    `yes ¦ no ¦ on ¦ off ¦ y ¦ n ¦ True ¦ FALSE ¦ true ¦ tRue ¦ null ¦ ~ ¦ Null ¦ nUll ¦ .inf ¦ -.Inf ¦ .nan ¦ .NaN`,
  ),
  ...values(
    `2001-01-01 ¦ 2001-12-14t21:59:43.10-05:00 ¦ 12:30:45 ¦ 1:2 ¦ = ¦ a b ¦ x=y ¦ 0xZ ¦ 1__0 ¦ 1_ ¦ _1 ¦ 0_8 ¦ -0x1f ¦ 0777`,
  ),
  ...values(`"" ¦ '' ¦ "010" ¦ 'true' ¦ " a " ¦ "a\\nb" ¦ "\\u00e4" ¦ ä ¦ 'it''s' ¦ [] ¦ {} ¦ [1] ¦ {a: 1} ¦ !!str 010 ¦ !!int "7" ¦
0X1F`),
];
/** What `${V:-…}` may bring: texts, whatever they look like. */
const INSIDE = [
  ...values(`010 ¦ 1.10 ¦ 0x10 ¦ {"a":1} ¦ * ¦ &x ¦ !x ¦ #x ¦ > ¦ | ¦ % ¦ @ ¦ \` ¦ ~ ¦ null ¦ true ¦ yes ¦ [a] ¦ - a ¦ a: b ¦ ? a ¦ " ¦
' ¦ ε`),
  ...values(`\${NAME} ¦ \${NONE:-deep} ¦ $NAME ¦ $$ ¦ a$$b ¦ 1e3 ¦ 12345678901234567890 ¦ 2001-01-01 ¦  a  ¦ a#b ¦ a #b ¦ x:y ¦ .inf ¦ = ¦
: ¦ , ¦ 1.0.0`),
];
const OPERATORS = [':-', '-', ':+', '+'];
const NAMES = ['NAME', 'EMPTY', 'COUNT', 'WORD', 'NONE', 'V'];

function interpolated({ one, chance }: Pick): string {
  const inside = one(INSIDE);
  const around = chance(0.25) ? one(['a', 'x-', '/', 'a b ']) : '';
  const written = `${around}\${${one(NAMES)}${one(OPERATORS)}${inside}}${chance(0.2) ? one(['z', '$NAME', '/x', '$$']) : ''}`;
  return chance(0.5) ? `'${written.replaceAll("'", "''")}'` : JSON.stringify(written);
}

const text = (pick: Pick): string =>
  pick.one([
    () => pick.one(['a', 'some/path', '"quoted"', "'quoted'", 'a-b_c.d', 'http://x/y']),
    () => pick.one(WORDS),
    () => interpolated(pick),
  ])();

/** For each field of a service: what people write, and what they should not. */
const FIELDS: Readonly<Record<string, (pick: Pick) => string>> = {
  image: (pick) => pick.one(['x:1', '"x:1"', 'x@sha256:0', '${NONE:-x:2}', 'r/x', text(pick)]),
  command: (pick) =>
    pick.one([
      ...values(
        `run --fast ¦ [run, "--fast"] ¦ [] ¦ "" ¦ ["", a] ¦ 'sh -c "a b"' ¦ "a 'b c' d" ¦ "a \\\\ b" ¦ "a; b" ¦ "a $$b" ¦ [a, 5]`,
      ),
      ...values(
        `[a, true] ¦ null ¦ 'a "b' ¦ '"" x' ¦ 'a\tb' ¦ 'a"b"c' ¦ 'a > b' ¦ "$NAME b" ¦ ["\${V:-010}"] ¦ "\`a\`" ¦ '\\"a' ¦ 'a(b)'`,
      ),
      `[${text(pick)}]`,
      text(pick),
    ]),
  entrypoint: (pick) => pick.one(['/bin/x', '[/bin/x, y]', '""', '[]', 'null', text(pick)]),
  environment: (pick) =>
    pick.one([
      tableOf,
      tableOf,
      listOf,
      () => pick.one(['', '{}', '[]', '[A, A]', '{A: [b]}', '{A: {b: c}}', 'A=b', '["=x"]', '["A=1", "A=2"]']),
    ])(pick),
  env_file: (pick) =>
    pick.one([
      'a.env',
      './a.env',
      '[a.env, b.env]',
      '[{path: a.env}]',
      '[{path: none.env, required: false}]',
      '[]',
      'none.env',
      text(pick),
    ]),
  labels: (pick) => pick.one([tableOf, listOf])(pick),
  annotations: (pick) => pick.one([tableOf, listOf])(pick),
  user: (pick) => pick.one(['"1"', '1', 'root', '"1:2"', '1:2', '${COUNT}', '"$COUNT:1"', text(pick)]),
  working_dir: (pick) => pick.one(['/x', '/x/', '""', '"/a b"', text(pick)]),
  ports: (pick) => `[${pick.one(PORTS)}${pick.chance(0.3) ? `, ${pick.one(PORTS)}` : ''}]`,
  expose: (pick) =>
    pick.one([
      '[80]',
      '["80"]',
      '["80/udp"]',
      '["80-90"]',
      '[80, 80]',
      '80',
      '["x"]',
      '[""]',
      '["80/tcp", 81]',
      `[${text(pick)}]`,
    ]),
  volumes: (pick) => `[${pick.one(VOLUMES)}${pick.chance(0.3) ? `, ${pick.one(VOLUMES)}` : ''}]`,
  tmpfs: (pick) => pick.one(['/t', '[/t]', '"/t:size=1m"', '[/t, /u]', '[]', '[/t, /t]', '[/t/, /u]', text(pick)]),
  healthcheck: (pick) => pick.one([healthcheck, healthcheck, healthcheck, () => pick.one(['', '{}', '[]'])])(pick),
  depends_on: (pick) =>
    pick.one([
      ...values(
        `[b] ¦ [] ¦ ε ¦ [b, b] ¦ {b: {condition: service_started}} ¦ {b: {condition: service_healthy}} ¦ {b: {}} ¦ {b: } ¦ [none]`,
      ),
      ...[
        '{b: {condition: service_completed_successfully, restart: true}}',
        '{b: {condition: service_started, required: false}}',
        '{b: {condition: x}}',
      ],
      ...values(`{b: {condition: service_started, required: "true", restart: "no"}} ¦ {none: {condition: service_started, required: false}} ¦
[a] ¦ {b: {condition: service_healthy, x-y: 1}}`),
    ]),
  networks: (pick) =>
    pick.one(
      values(`[default] ¦ [front] ¦ [front, back] ¦ {front: } ¦ {front: {}} ¦ {front: {aliases: [x]}} ¦ [none] ¦ [] ¦
{front: {priority: 1}} ¦ {front: {ipv4_address: 10.0.0.2}} ¦ ε ¦ [front, front] ¦ {default: {aliases: [a]}} ¦
{front: {x-a: 1}} ¦ {front: {other: 1}}`),
    ),
  profiles: (pick) => pick.one(['[debug]', '[]', '["a", "b"]', 'debug', '[1]']),
  extends: (pick) =>
    pick.one(['b', 'b', 'b', '{service: b}', '{service: none}', 'a', '{service: b, file: other.yml}', '', '{}', '[b]']),
  restart: (pick) =>
    pick.one([
      'always',
      'no',
      '"no"',
      'unless-stopped',
      'on-failure',
      'on-failure:3',
      'false',
      'sometimes',
      '""',
      text(pick),
    ]),
  read_only: flag,
  init: flag,
  tty: flag,
  stdin_open: flag,
  cap_drop: (pick) => pick.one(['[ALL]', '[]', 'ALL', '[A, A]', '[1]', '[A, "${V:-B}"]']),
  security_opt: (pick) => pick.one(['["no-new-privileges:true"]', '[no-new-privileges:true]', '[{a: b}]', 'x']),
  logging: (pick) =>
    pick.one(
      values(`{driver: json-file, options: {max-size: 10m, max-file: "3"}} ¦ {driver: none} ¦ {options: {max-file: 3}} ¦
{driver: x, other: y} ¦ {options: {a: 1.5}} ¦ {options: {a: true}} ¦ {options: {a: }} ¦ {}`),
    ),
  deploy: (pick) =>
    pick.one([
      ...values(`{} ¦ {replicas: 2} ¦ {replicas: "2"} ¦ {replicas: 1} ¦ {replicas: two} ¦ {resources: {limits: {memory: 256M}}} ¦
{resources: {limits: {memory: 5}}} ¦ {replicas: -1} ¦ {replicas: 1.5}`),
      ...values(`{resources: {limits: {cpus: "0.5", pids: 5}}} ¦ {resources: {limits: {cpus: 0.5, pids: "5"}}} ¦
{resources: {limits: {cpus: x}}} ¦ {restart_policy: {condition: any, delay: 5s, max_attempts: 3}}`),
      ...values(`{update_config: {parallelism: 2, order: start-first}} ¦ {update_config: {order: x}} ¦ {mode: global} ¦ {labels: {a: 1}} ¦
{other: 1} ¦ {placement: {constraints: [a]}} ¦ {x-y: 1} ¦ {resources: {limits: {memory: 1x}}} ¦ {replicas: } ¦
{resources: {reservations: {cpus: 1, memory: "1.5g"}}}`),
    ]),
  mem_limit: (pick) => pick.one(['256m', '1g', '512', '"512"', '1.5', '1.5g', '-1', 'x', '10 mb', '1GiB', text(pick)]),
  memswap_limit: (pick) => pick.one(['256m', '-1', '"-1"', '0']),
  mem_reservation: (pick) => pick.one(['256m', '5', '1.5']),
  cpus: (pick) => pick.one(['0.5', '"0.5"', '1', '".5"', 'x', '1e0', '"1e0"', '0x1', '"${V:-1.5}"', text(pick)]),
  cpu_shares: (pick) => pick.one(['512', '"512"', '1.5', 'x', '"0x10"', '"1.5"']),
  pids_limit: (pick) => pick.one(['5', '"5"', '-1', '1.5', 'x', '"${COUNT}"', '010', '"010"']),
  shm_size: (pick) => pick.one(['64m', '5', '"5"', '1.5', 'x', '"1 gb"']),
  ulimits: (pick) =>
    pick.one(
      values(`{nofile: 5} ¦ {nofile: "5"} ¦ {nofile: {soft: 1, hard: "2"}} ¦ {nofile: {soft: 1}} ¦ {NOFILE: 5} ¦ {nofile: x} ¦ {} ¦ [] ¦
{nofile: {}}`),
    ),
  container_name: (pick) => pick.one(['x', '"x"', '1', text(pick)]),
  hostname: (pick) => pick.one(['x', 'x.y', '1', '"a_b"', text(pick)]),
  stop_grace_period: (pick) =>
    pick.one([
      '15s',
      '1m30s',
      '15',
      '"15"',
      '1.5h',
      '1d',
      '-1s',
      '+5s',
      '.5s',
      '5.s',
      '0',
      '"0"',
      '1us',
      '1µs',
      '1h 2m',
      text(pick),
    ]),
  stop_signal: (pick) => pick.one(['SIGTERM', '15', '"15"', text(pick)]),
  pull_policy: (pick) => pick.one(['always', 'never', 'missing', 'if_not_present', 'sometimes', 'build']),
  configs: grants,
  secrets: grants,
  'x-note': (pick) => text(pick),
};

function flag(pick: Pick): string {
  return pick.one([
    'true',
    'false',
    '"true"',
    '"yes"',
    'yes',
    'on',
    '"no"',
    '"1"',
    '1',
    'True',
    '"TRUE"',
    '"${WORD}"',
    '${WORD}',
    '${V:-off}',
    '',
    text(pick),
  ]);
}

function grants(pick: Pick): string {
  return pick.one(
    values(`[one] ¦ [] ¦ [none] ¦ [{source: one}] ¦ [{source: one, target: /x/y}] ¦ [{source: one, target: z, mode: 0440}] ¦
[{source: one, mode: "0440"}] ¦ [one, two] ¦ [three] ¦ [{target: x}] ¦ [{source: one, uid: "1", gid: 5}] ¦ [1]`),
  );
}

function tableOf(pick: Pick): string {
  return `{${pick.chance(0.8) ? `A: ${text(pick)}, ` : ''}B: ${text(pick)}${pick.chance(0.3) ? `, NAME: ${pick.one(['', '~', 'a'])}` : ''}${pick.chance(0.05) ? `, ${pick.one(['1: a', 'true: a', 'null: b', '"": c', '"a b": c', '1.10: x'])}` : ''}}`;
}

function listOf(pick: Pick): string {
  const item = () =>
    pick.one([
      () => 'A=b',
      () => pick.one(['NAME', 'NONE', 'A=', 'B=x=y', '"C=d e"', "'E= f'", '5', 'true', 'A b', '{a: b}', '[a]']),
      () => interpolatedItem(pick),
    ])();
  return `[${item()}${pick.chance(0.6) ? `, ${item()}` : ''}]`;
}

const interpolatedItem = (pick: Pick) =>
  JSON.stringify(`K${pick.one(['1', '2'])}=\${${pick.one(NAMES)}${pick.one(OPERATORS)}${pick.one(INSIDE)}}`);

function healthcheck(pick: Pick): string {
  const fields = [
    [
      'test',
      values(`a b ¦ [CMD, a] ¦ [CMD-SHELL, "a b"] ¦ [NONE] ¦ NONE ¦ [a] ¦ [] ¦ "" ¦ [CMD, 5] ¦ "exit $$?" ¦ [CMD, "\${V:-010}"] ¦
[NONE, a]`),
    ],
    ['interval', ['5s', '1m30s', '500ms', '5', '5d', '0s', '1h', '1.5s', '', '"${V:-7s}"', '-1s']],
    ['timeout', ['5s', '"5s"', '1m', 'x']],
    ['start_period', ['5s', '0s', '1m']],
    ['start_interval', ['1s', 'x']],
    ['retries', ['3', '"3"', '0', '010', '"010"', '1.5', '-1', '${COUNT}', 'x', '"${V:-5}"', '3.0', '"+3"']],
    ['disable', ['true', 'false', '"true"', '"yes"', 'no', '1']],
    ['x-a', ['1']],
    ['other', ['1']],
  ] as const;
  const chosen = fields.filter(([name]) => pick.chance(name === 'test' ? 0.8 : name === 'other' ? 0.02 : 0.3));
  return `{${chosen.map(([name, from]) => `${name}: ${pick.one<string>(from)}`).join(', ')}}`;
}

const PORTS = [
  ...values(`80 ¦ "80" ¦ 8080:80 ¦ "8080:80" ¦ "127.0.0.1:80:80" ¦ "127.0.0.1::80" ¦ "53:53/udp" ¦ "3000-3002:4000-4002" ¦ "1-3:80" ¦
"80:1-3" ¦ 99999 ¦ "99999:1" ¦ "0:80" ¦ "80:0" ¦ 0`),
  ...values(`22:22 ¦ "[::1]:80:80" ¦ "x:80" ¦ "80/http" ¦ "80:80/TCP" ¦ 80.5 ¦ "localhost:80:80" ¦ "\${COUNT}000:80" ¦ "\${V:-010}:80" ¦
010 ¦ "3-1:3-1" ¦ "" ¦ "80:" ¦ ":80" ¦ "1.2.3.999:1:1"`),
  ...values(`{target: 80} ¦ {target: "80", published: "8080"} ¦ {target: 80, published: 8080, protocol: udp, mode: host} ¦
{target: 80, host_ip: 127.0.0.1} ¦ {target: x} ¦ {published: 80} ¦ {target: 80, published: 1-3} ¦
{target: 80, name: web, app_protocol: http}`),
  ...values(`{target: 80, published: ""} ¦ {target: 80, host_ip: x} ¦ {target: 80, other: 1} ¦ {target: 80, x-a: 1} ¦
{target: 80, published: "x"} ¦ {target: 80, protocol: x} ¦ {target: 010, published: 010} ¦
{target: "010", published: "010"} ¦ {target: 80.0} ¦ true ¦ {}`),
];
const VOLUMES = [
  ...values(`./a:/x ¦ .:/x ¦ ./:/x/ ¦ ./a/../b:/x:ro ¦ "data:/x" ¦ data:/x:ro ¦ data:/x:rw ¦ ./a:/y:ro,z ¦ ./a:/y:z ¦ none:/x ¦ /etc:/x ¦
../a:/x ¦ ~/a:/x ¦ /anon ¦ ./a:x ¦ a/b:/x ¦ ./a:/x:other ¦ ./a:/x:ro:z ¦ ./a//b/:/c//d ¦ ./a:/x/../y`),
  ...values(`"\${V:-./a}:/x" ¦ "./\${NAME}:/x" ¦ data ¦ 5 ¦ {type: bind, source: ./a, target: /x} ¦
{type: bind, source: ./a, target: /x, read_only: true, bind: {create_host_path: false}} ¦
{type: volume, source: data, target: /x} ¦ {type: volume, target: /x} ¦ {type: tmpfs, target: /t, tmpfs: {size: 5}}`),
  ...values(`{type: bind, source: a, target: /x} ¦ {type: other, target: /x} ¦ {source: ./a, target: /x} ¦ {type: bind, target: /x} ¦
{type: volume, source: none, target: /x} ¦ {type: volume, source: data, target: /x, volume: {nocopy: "true"}} ¦
{type: bind, source: ./a, target: /x, read_only: "yes"} ¦ {type: tmpfs, target: /t, tmpfs: {size: 1m}}`),
  ...values(`{type: volume, source: ./a, target: /x} ¦ {type: bind, source: ./a, target: /x, other: 1} ¦
{type: bind, source: ./a, target: /x, bind: {selinux: z}} ¦ {type: bind, source: "", target: /x} ¦
{type: bind, source: ./a} ¦ ./a:/x:cached ¦ data:/x:nocopy ¦ ./a:/x:rshared ¦ ./a:/x:ro,rw ¦ ":/x" ¦ "./a:" ¦
{type: tmpfs, target: t} ¦ {type: bind, source: ./a/, target: /x/}`),
];
const TOP = {
  networks:
    values(`{front: , back: } ¦ {front: {internal: true}, back: {driver: bridge}} ¦ {front: {external: true}, back: {}} ¦
{front: {ipam: {config: [{subnet: 10.0.0.0/24}]}}, back: {internal: "yes"}} ¦ {front: {other: 1}, back: } ¦
{front: {labels: {a: 1}}, back: {enable_ipv6: false, attachable: "true"}} ¦ {front: {name: x}, back: {driver_opts: {a: 1}}} ¦
{front: {external: {name: x}}, back: } ¦ {front: 5, back: } ¦ {front: {ipam: {config: [{subnet: x}]}}, back: }`),
  volumes:
    values(`{data: } ¦ {data: {}} ¦ {data: {external: true}} ¦ {data: {driver: local, driver_opts: {type: none, size: 5}}} ¦
{data: {other: 1}} ¦ {data: {name: x}} ¦ {data: {labels: [a=b]}} ¦ {data: {external: true, driver: local}} ¦ {data: 5} ¦ ε`),
  configs: values(`{one: {file: ./one}, two: {file: two}, three: {content: x}} ¦
{one: {file: one}, two: {file: ./two, x-a: 1}, three: {environment: NAME}} ¦
{one: {file: one}, two: {external: true}, three: {file: ../x}} ¦ {one: {file: one}, two: {}, three: {file: x}} ¦
{one: {file: one, other: 1}, two: {file: two}}`),
  secrets: values(`{one: {file: ./one}, two: {file: two}, three: {environment: NAME}} ¦
{one: {file: one}, two: {file: "\${V:-two}"}, three: {external: true}} ¦
{one: {file: one}, two: {file: two, labels: {a: b}}} ¦ {one: {file: one}, two: }`),
} as const;

/** What services say most. */
const OFTEN = ['extends', 'command', 'environment', 'ports', 'volumes', 'healthcheck'];

/** The text of the file of a seed. */
export function composeFile(seed: number): string {
  const pick = pickFrom(seed);
  const names = ['a', 'b'];
  const lines = [
    pick.chance(0.85)
      ? 'name: drydock'
      : pick.one(
          values(`ε ¦ ε ¦ ε ¦ name: drydock ¦ name: Bad ¦ version: "3.8" ¦ version: 3 ¦ name: "\${V:-x}" ¦ name: 5 ¦ other: 1 ¦
x-y: {a: "\${V:-1}"}`),
        ),
    'services:',
  ];
  for (const name of names) {
    lines.push(`  ${name}:`);
    if (!pick.chance(0.02)) lines.push(`    image: ${pick.chance(0.9) ? 'x:1' : FIELDS.image?.(pick)}`);
    for (const [field, make] of Object.entries(FIELDS)) {
      if (
        field === 'image' ||
        (name === 'b' && field === 'depends_on') ||
        !pick.chance(OFTEN.includes(field) ? 0.12 : 0.02)
      )
        continue;
      lines.push(`    ${field}: ${make(pick)}`);
    }
    if (pick.chance(0.02))
      lines.push(
        `    ${pick.one(['privileged', 'other', 'imgae', 'build', 'scale'])}: ${pick.one(['true', 'x', '{}', '1'])}`,
      );
  }
  for (const [key, from] of Object.entries(TOP))
    lines.push(`${key}: ${pick.chance(0.93) ? from[0] : pick.one<string>(from)}`);
  return `${lines.filter((line) => line !== '').join('\n')}\n`;
}
