// Command lines in, one value with all its defaults out; or the sentence that says what cannot be meant.
import { expect, test } from 'vitest';
import { type EngineOptions, type Invocation, parseInvocation, type StageInvocation } from '../../cli/arguments.ts';
import { PIN_NAMES } from '../../src/pins.ts';
import { type Refusal, refusalOf, words } from './make.ts';

const general: EngineOptions = {
  engine: 'auto',
  offline: false,
  mirrors: [],
  secrets: [],
  hostPorts: [],
  stepTimeout: null,
  verbose: false,
};
const images = { ...general, output: 'images', platforms: ['linux/amd64'] };
const stages: StageInvocation['options'] = {
  ...general,
  services: [],
  output: 'out',
  images: null,
  platforms: ['linux/amd64'],
  selection: { only: [], skip: [], from: [] },
  strict: false,
  json: false,
  progress: 'auto',
  compare: null,
  image: null,
  vulnDb: null,
  base: '',
  baseline: null,
  replay: null,
  rehearsal: false,
  run: null,
  delivery: {
    registry: 'ghcr.io',
    repository: '',
    ref: '',
    username: '',
    secrets: { token: '', 'cosign-key': '', 'cosign-password': '', 'oidc-url': '', 'oidc-token': '' },
    dryRun: false,
    builder: '',
    invocation: '',
    skipRollback: false,
    reference: '',
    files: null,
    cosignPub: null,
    identity: '',
    issuer: '',
    tag: 'main',
    to: '',
  },
  runtime: 'session',
  stage: 'ci',
  thin: false,
};

const replay = {
  output: 'out/replay',
  images: null,
  json: false,
  progress: 'auto',
  stepTimeout: null,
  verbose: false,
  all: false,
  shell: false,
  with: null,
} as const;
const lines: [line: string, meant: Invocation][] = [
  ['pins update', { kind: 'pins', options: { offline: false, mirrors: [], check: false, strict: false } }],
  [
    'pins update --check --strict --offline --mirror docker.io=one/hub',
    { kind: 'pins', options: { offline: true, mirrors: ['docker.io=one/hub'], check: true, strict: true } },
  ],
  ['', { kind: 'stages', function: 'ci', options: stages }],
  ['ci', { kind: 'stages', function: 'ci', options: stages }],
  ['lint', { kind: 'stages', function: 'lint', options: stages }],
  ['test', { kind: 'stages', function: 'test', options: stages }],
  ['build', { kind: 'stages', function: 'build', options: stages }],
  ['-- lint', { kind: 'stages', function: 'lint', options: stages }],

  ['--engine dagger', { kind: 'stages', function: 'ci', options: { ...stages, engine: 'dagger' } }],
  ['--engine=embedded', { kind: 'stages', function: 'ci', options: { ...stages, engine: 'embedded' } }],
  ['--engine dagger --engine auto', { kind: 'stages', function: 'ci', options: stages }],
  ['--offline', { kind: 'stages', function: 'ci', options: { ...stages, offline: true } }],
  [
    '--offline --engine embedded',
    { kind: 'stages', function: 'ci', options: { ...stages, offline: true, engine: 'embedded' } },
  ],
  ['--output elsewhere lint', { kind: 'stages', function: 'lint', options: { ...stages, output: 'elsewhere' } }],
  ['lint -o elsewhere', { kind: 'stages', function: 'lint', options: { ...stages, output: 'elsewhere' } }],
  ['--output=-odd', { kind: 'stages', function: 'ci', options: { ...stages, output: '-odd' } }],
  ['--images archives', { kind: 'stages', function: 'ci', options: { ...stages, images: 'archives' } }],
  [
    '--mirror docker.io=one/hub --mirror ghcr.io=https://two',
    { kind: 'stages', function: 'ci', options: { ...stages, mirrors: ['docker.io=one/hub', 'ghcr.io=https://two'] } },
  ],
  [
    'build --platforms linux/arm64,linux/amd64',
    { kind: 'stages', function: 'build', options: { ...stages, platforms: ['linux/arm64', 'linux/amd64'] } },
  ],
  ['--step-timeout 90s', { kind: 'stages', function: 'ci', options: { ...stages, stepTimeout: '90s' } }],
  ['lint --step-timeout=1h30m', { kind: 'stages', function: 'lint', options: { ...stages, stepTimeout: '1h30m' } }],
  ['replay a.tar --step-timeout 2h', { kind: 'replay', file: 'a.tar', options: { ...replay, stepTimeout: '2h' } }],
  ['--strict --json', { kind: 'stages', function: 'ci', options: { ...stages, strict: true, json: true } }],
  ['--progress tty', { kind: 'stages', function: 'ci', options: { ...stages, progress: 'tty' } }],
  ['--progress plain', { kind: 'stages', function: 'ci', options: { ...stages, progress: 'plain' } }],
  ['--verbose', { kind: 'stages', function: 'ci', options: { ...stages, verbose: true } }],
  ['-v', { kind: 'stages', function: 'ci', options: { ...stages, verbose: true } }],

  ['smoke --runtime compose', { kind: 'stages', function: 'smoke', options: { ...stages, runtime: 'compose' } }],
  ['up', { kind: 'up', services: [], build: { kind: 'stages', function: 'build', options: stages } }],
  [
    'up app nginx --image a.tar',
    {
      kind: 'up',
      services: ['app', 'nginx'],
      build: { kind: 'stages', function: 'build', options: { ...stages, image: 'a.tar' } },
    },
  ],
  ['down', { kind: 'down', volumes: false }],
  ['down --volumes', { kind: 'down', volumes: true }],

  ['sbom --image a.tar', { kind: 'stages', function: 'sbom', options: { ...stages, image: 'a.tar' } }],
  [
    'scan --vuln-db db --base origin/main',
    {
      kind: 'stages',
      function: 'scan',
      options: { ...stages, vulnDb: { given: 'db', isReference: false }, base: 'origin/main' },
    },
  ],
  [
    'gate --vuln-db-ref x.io/db:2 --baseline b.json --rehearsal',
    {
      kind: 'stages',
      function: 'gate',
      options: { ...stages, vulnDb: { given: 'x.io/db:2', isReference: true }, baseline: 'b.json', rehearsal: true },
    },
  ],
  ['gate --replay v.json', { kind: 'stages', function: 'gate', options: { ...stages, replay: 'v.json' } }],
  [
    'capsule --stage test --thin',
    { kind: 'stages', function: 'capsule', options: { ...stages, stage: 'test', thin: true } },
  ],
  ['replay a.tar', { kind: 'replay', file: 'a.tar', options: replay }],
  [
    'replay a.tar --with . --all --shell --images i --output o',
    {
      kind: 'replay',
      file: 'a.tar',
      options: { ...replay, with: '.', all: true, shell: true, images: 'i', output: 'o' },
    },
  ],
  ['diff a.tar b.tar --json', { kind: 'diff', files: ['a.tar', 'b.tar'], json: true }],
  ['bisect a.tar b.tar', { kind: 'bisect', files: ['a.tar', 'b.tar'], options: { stepTimeout: null, verbose: false } }],
  ['test api web', { kind: 'stages', function: 'test', options: { ...stages, services: ['api', 'web'] } }],
  [
    'shell test api',
    { kind: 'shell', stage: { kind: 'stages', function: 'test', options: { ...stages, services: ['api'] } } },
  ],
  ['shell test', { kind: 'shell', stage: { kind: 'stages', function: 'test', options: stages } }],
  ['watch', { kind: 'watch', run: { kind: 'stages', function: 'ci', options: stages } }],
  ['watch test', { kind: 'watch', run: { kind: 'stages', function: 'test', options: stages } }],
  ['warm', { kind: 'warm', run: { kind: 'stages', function: 'ci', options: stages } }],
  ['explain', { kind: 'explain', verdict: 'out/verdict.json', before: null }],
  ['explain --verdict a --before b', { kind: 'explain', verdict: 'a', before: 'b' }],

  ['times', { kind: 'times', output: 'out' }],
  ['times -o elsewhere', { kind: 'times', output: 'elsewhere' }],
  ['runs', { kind: 'runs', output: 'out', json: false }],
  ['runs --json -o elsewhere', { kind: 'runs', output: 'elsewhere', json: true }],
  ['open', { kind: 'open', output: 'out', run: null }],
  ['open 2', { kind: 'open', output: 'out', run: 2 }],

  ['images', { kind: 'images', names: [], options: images }],
  ['images node runtime', { kind: 'images', names: ['node', 'runtime'], options: images }],
  [
    'images --output DIR node --platforms linux/arm64 --engine embedded --verbose',
    {
      kind: 'images',
      names: ['node'],
      options: { ...images, output: 'DIR', platforms: ['linux/arm64'], engine: 'embedded', verbose: true },
    },
  ],

  ['engine', { kind: 'engine' }],
  [
    'run --mirror docker.io=a/b pytest -v --offline -- x',
    {
      kind: 'run',
      command: ['pytest', '-v', '--offline', '--', 'x'],
      options: { ...general, mirrors: ['docker.io=a/b'] },
    },
  ],
  ['run -- go run . --verbose', { kind: 'run', command: ['go', 'run', '.', '--verbose'], options: general }],
  ['run --offline -- ci', { kind: 'run', command: ['ci'], options: { ...general, offline: true } }],

  ['check', { kind: 'check', json: false }],
  ['check --json', { kind: 'check', json: true }],
  ['init --yes', { kind: 'init', yes: true, dryRun: false, json: false }],
  ['init --dry-run --json', { kind: 'init', yes: false, dryRun: true, json: true }],
  ['update', { kind: 'update', wanted: 'latest', dryRun: false }],
  ['update 1.2.3 --dry-run', { kind: 'update', wanted: '1.2.3', dryRun: true }],
  ['doctor', { kind: 'doctor', options: { ...general, json: false, images: null } }],
  [
    'doctor --json --offline --engine embedded',
    { kind: 'doctor', options: { ...general, json: true, offline: true, engine: 'embedded', images: null } },
  ],
  [
    'doctor --engine dagger --images DIR',
    { kind: 'doctor', options: { ...general, json: false, engine: 'dagger', images: 'DIR' } },
  ],

  ['add platform', { kind: 'add', dryRun: false }],
  ['add platform --dry-run', { kind: 'add', dryRun: true }],
  ['completion bash', { kind: 'completion', shell: 'bash' }],
  ['completion zsh', { kind: 'completion', shell: 'zsh' }],
  ['completion fish', { kind: 'completion', shell: 'fish' }],

  ['--help', { kind: 'help', of: null }],
  ['-h', { kind: 'help', of: null }],
  ['help', { kind: 'help', of: null }],
  ['help lint', { kind: 'help', of: 'lint' }],
  ['lint --help', { kind: 'help', of: 'lint' }],
  ['--help images', { kind: 'help', of: 'images' }],
  ['completion -h', { kind: 'help', of: 'completion' }],
  ['lint --platforms x --help', { kind: 'help', of: 'lint' }],
  ['--version --help', { kind: 'help', of: null }],
  ['--version', { kind: 'version' }],
  ['-V', { kind: 'version' }],
  ['lint --version', { kind: 'version' }],
];
for (const [line, meant] of lines) {
  test(`it is meant: ${line || '(nothing)'}`, () => expect(parseInvocation(words(line))).toEqual(meant));
}

const FUNCTIONS =
  'functions: ci, lint, test, build, sbom, scan, gate, smoke, up, down, publish, cd, verify, reproduce, rollback, explain, times, runs, open, capsule, replay, diff, bisect, watch, shell, warm, images, pins, doctor, check, init, add, update, run, engine, completion';
const refusals: [line: string, code: string, message: string, hint: string][] = [
  ['lnit', 'UNKNOWN_FUNCTION', 'there is no function "lnit"', 'did you mean lint?'],
  ['BUILD', 'UNKNOWN_FUNCTION', 'there is no function "BUILD"', 'did you mean build?'],
  ['launch', 'UNKNOWN_FUNCTION', 'there is no function "launch"', FUNCTIONS],
  ['constructor', 'UNKNOWN_FUNCTION', 'there is no function "constructor"', FUNCTIONS],
  ['help bild', 'UNKNOWN_FUNCTION', 'there is no function "bild"', 'did you mean build?'],
  ['launch --help', 'UNKNOWN_FUNCTION', 'there is no function "launch"', FUNCTIONS],

  [
    'replay',
    'BAD_OPTION',
    'replay takes one capsule, not 0',
    'for example: npx tsx pipeline/ci.ts replay out/capsule-test.tar --with .',
  ],
  [
    'diff a.tar',
    'BAD_OPTION',
    'diff takes two capsules, not 1',
    'for example: npx tsx pipeline/ci.ts diff yesterday.tar out/capsule-test.tar',
  ],
  [
    'bisect a b c',
    'BAD_OPTION',
    'bisect takes two capsules, not 3',
    'for example: npx tsx pipeline/ci.ts bisect yesterday.tar out/capsule-test.tar',
  ],
  ['watch cd', 'BAD_OPTION', 'watch cannot run "cd"', 'it can be ci, lint, test, build, sbom, scan, gate, smoke'],
  ['shell', 'BAD_OPTION', 'shell needs a stage', 'it can be lint, test, build, sbom, scan, smoke'],
  ['shell gate', 'BAD_OPTION', 'shell cannot look into "gate"', 'it can be lint, test, build, sbom, scan, smoke'],
  [
    'capsule --stage tset',
    'BAD_OPTION',
    '--stage cannot be "tset"',
    'did you mean test? It can be ci, lint, test, build, sbom, scan, gate, smoke',
  ],
  ['replay a.tar --engine dagger', 'UNKNOWN_OPTION', 'replay does not take --engine', 'what it takes: replay --help'],
  ['--ofline', 'UNKNOWN_OPTION', 'there is no option --ofline', 'did you mean --offline?'],
  ['--out elsewhere', 'UNKNOWN_OPTION', 'there is no option --out', 'did you mean --output?'],
  ['--push', 'UNKNOWN_OPTION', 'there is no option --push', 'all options: --help'],
  ['--toString', 'UNKNOWN_OPTION', 'there is no option --toString', 'all options: --help'],
  ['-x', 'UNKNOWN_OPTION', 'there is no option -x', 'all options: --help'],
  ['-vx', 'UNKNOWN_OPTION', 'there is no option -x', 'all options: --help'],
  ['lint --help --bogus', 'UNKNOWN_OPTION', 'there is no option --bogus', 'all options: --help'],

  ['--output', 'BAD_OPTION', '--output needs a value', 'write --output DIR'],
  ['--output=', 'BAD_OPTION', '--output needs a value', 'write --output DIR'],
  ['--output --json', 'BAD_OPTION', '--output needs a value', 'write --output DIR'],
  ['-o', 'BAD_OPTION', '--output needs a value', 'write --output DIR'],
  ['-o -v', 'BAD_OPTION', '--output needs a value', 'write --output DIR'],
  ['--images', 'BAD_OPTION', '--images needs a value', 'write --images DIR'],
  ['--engine', 'BAD_OPTION', '--engine needs a value', 'write --engine auto|dagger|embedded'],
  ['--mirror', 'BAD_OPTION', '--mirror needs a value', 'write --mirror REGISTRY=PLACE'],
  ['--step-timeout', 'BAD_OPTION', '--step-timeout needs a value', 'write --step-timeout DURATION'],
  ...['10', '0s', '999ms', '501h', 'soon', '-5s', '1h,30m'].map((value): [string, string, string, string] => [
    `--step-timeout=${value}`,
    'BAD_OPTION',
    `--step-timeout: "${value}" is not a duration from 1s to 500h`,
    'write --step-timeout 90s, 10m or 2h',
  ]),
  [
    'shell test --engine dagger',
    'BAD_OPTION',
    'a Dagger engine cannot open a shell on this terminal, which only an engine on this machine reaches',
    'use the embedded one: shell test --engine embedded',
  ],
  [
    '--engine dagger --step-timeout 2h',
    'BAD_OPTION',
    '--step-timeout cannot be promised for a Dagger engine, which ends no step for the time that it takes',
    'use --engine embedded --step-timeout, or let the command end itself: timeout 10m COMMAND',
  ],
  ['--platforms', 'BAD_OPTION', '--platforms needs a value', 'write --platforms A,B'],

  [
    '--engine embeded',
    'BAD_OPTION',
    '--engine cannot be "embeded"',
    'did you mean embedded? It can be auto, dagger, embedded',
  ],
  ['--engine docker', 'BAD_OPTION', '--engine cannot be "docker"', 'it can be auto, dagger, embedded'],
  [
    '--engine Dagger',
    'BAD_OPTION',
    '--engine cannot be "Dagger"',
    'did you mean dagger? It can be auto, dagger, embedded',
  ],
  ['--progress=rich', 'BAD_OPTION', '--progress cannot be "rich"', 'it can be auto, tty, plain'],

  ['--offline=true', 'BAD_OPTION', '--offline takes no value', 'write just --offline'],
  ['--json=', 'BAD_OPTION', '--json takes no value', 'write just --json'],
  ['--help=lint', 'BAD_OPTION', '--help takes no value', 'write just --help'],

  ['lint --platforms linux/arm64', 'UNKNOWN_OPTION', 'lint does not take --platforms', 'what it takes: lint --help'],
  ['test --platforms linux/arm64', 'UNKNOWN_OPTION', 'test does not take --platforms', 'what it takes: test --help'],
  ['images --json', 'UNKNOWN_OPTION', 'images does not take --json', 'what it takes: images --help'],
  ['images --images DIR', 'UNKNOWN_OPTION', 'images does not take --images', 'what it takes: images --help'],
  ['doctor --strict', 'UNKNOWN_OPTION', 'doctor does not take --strict', 'what it takes: doctor --help'],
  [
    'completion bash --strict',
    'UNKNOWN_OPTION',
    'completion does not take --strict',
    'what it takes: completion --help',
  ],

  [
    'warm test',
    'BAD_OPTION',
    'warm does not know what to do with "test"',
    'one function at a time; options begin with --',
  ],
  [
    'rollback offline strict',
    'BAD_OPTION',
    'rollback does not know what to do with "offline", "strict"',
    'one function at a time; options begin with --',
  ],

  [
    '--platforms amd64',
    'BAD_OPTION',
    '"amd64" is not a platform to build for',
    'write --platforms linux/amd64,linux/arm64',
  ],
  [
    'build --platforms linux/amd64,windows/amd64,',
    'BAD_OPTION',
    '"windows/amd64", "" is not a platform to build for',
    'write --platforms linux/amd64,linux/arm64',
  ],

  ['--mirror docker.io', 'BAD_OPTION', '--mirror: "docker.io" is not a mirror', 'write --mirror docker.io=host/prefix'],
  [
    '--mirror docker.io=good --mirror =bad',
    'BAD_OPTION',
    '--mirror: "=bad" is not a mirror',
    'write --mirror docker.io=host/prefix',
  ],

  [
    '--offline --engine dagger',
    'BAD_OPTION',
    '--offline cannot be promised for a Dagger engine, which has its own network',
    'use --engine embedded --offline, or --images DIR with the Dagger engine',
  ],

  ['images nod', 'BAD_OPTION', 'no image is pinned as "nod"', 'did you mean node?'],
  ['images ngin', 'BAD_OPTION', 'no image is pinned as "ngin"', 'did you mean nginx?'],
  ['images postgres', 'BAD_OPTION', 'no image is pinned as "postgres"', `pins: ${PIN_NAMES.join(', ')}`],

  ['reproduce', 'BAD_OPTION', 'reproduce takes one image, not 0', 'for example: reproduce ghcr.io/OWNER/NAME:main'],
  ['reproduce a b', 'BAD_OPTION', 'reproduce takes one image, not 2', 'for example: reproduce ghcr.io/OWNER/NAME:main'],

  ['pins', 'BAD_OPTION', 'pins needs an action', 'write pins update, or pins update --check'],
  ['pins upgrade', 'BAD_OPTION', 'pins cannot upgrade', 'write pins update, or pins update --check'],
  [
    'pins update node',
    'BAD_OPTION',
    'pins does not know what to do with "node"',
    'one function at a time; options begin with --',
  ],
  ['lint --check', 'UNKNOWN_OPTION', 'lint does not take --check', 'what it takes: lint --help'],

  [
    'run',
    'BAD_OPTION',
    'run needs a command',
    'for example: npx tsx pipeline/ci.ts run -- python pipeline.py; the pipeline is run by: npx tsx pipeline/ci.ts ci',
  ],
  ['engine x', 'BAD_OPTION', expect.any(String), expect.any(String)],
  ['add', 'BAD_OPTION', 'nothing was named to add', 'write add platform, or add platform --dry-run'],
  ['add plaform', 'BAD_OPTION', 'there is no plaform to add', 'write add platform, or add platform --dry-run'],
  ['open out', 'BAD_OPTION', '"out" is not a number of a run', 'list them: npx tsx pipeline/ci.ts runs'],
  ['open 0', 'BAD_OPTION', '"0" is not a number of a run', 'list them: npx tsx pipeline/ci.ts runs'],
  ['completion', 'BAD_OPTION', 'no shell was named', 'write completion bash, or completion zsh, or completion fish'],
  [
    'completion csh',
    'BAD_OPTION',
    'there is no completion for "csh"',
    'write completion bash, or completion zsh, or completion fish',
  ],
  [
    'completion bash zsh',
    'BAD_OPTION',
    'completion does not know what to do with "zsh"',
    'one function at a time; options begin with --',
  ],
];
for (const [line, code, message, hint] of refusals) {
  test(`it is refused: ${line}`, () => {
    const expected: Refusal = { code, exitCode: 2, message, hint };
    expect(refusalOf(() => parseInvocation(words(line)))).toEqual(expected);
  });
}

test('it is refused: a function without a name', () => {
  expect(refusalOf(() => parseInvocation([''])).message).toBe('there is no function ""');
});

test('a bad mirror keeps the reason as its cause', () => {
  expect(() => parseInvocation(['--mirror', 'x'])).toThrow(
    expect.objectContaining({ cause: expect.objectContaining({ code: 'REFERENCE_INVALID' }) }),
  );
});
