// The functions and options of the command line, once: parsing, help, completion and "did you mean" all read this table.
import { COMMAND } from '../src/command.ts';
import { CAPSULE_STAGES, type StageFunction } from '../src/core/functions.ts';
import { DEFAULT_PLATFORM } from '../src/core/platforms.ts';

type OwnFunction =
  | 'up'
  | 'down'
  | 'explain'
  | 'times'
  | 'runs'
  | 'open'
  | 'images'
  | 'reproduce'
  | 'pins'
  | 'replay'
  | 'diff'
  | 'bisect'
  | 'shell'
  | 'warm'
  | 'watch'
  | 'doctor'
  | 'check'
  | 'init'
  | 'add'
  | 'update'
  | 'engine'
  | 'run'
  | 'completion';
export type FunctionName = StageFunction | OwnFunction;

type FunctionInfo = {
  summary: string;
  /** Words after the function's name. */
  operands?: string;
  options: readonly OptionName[];
  /** Of options that mean something else here. */
  says?: Partial<Record<OptionName, string>>;
  example: string;
};

type OptionInfo = {
  /** What stands for its value; absent for a switch. */
  value?: string;
  choices?: readonly string[];
  repeatable?: boolean;
  summary: string;
  /** What the command line takes where nothing is given, and Dagger's door does not. */
  taken?: string;
};

export const OPTIONS = {
  engine: {
    value: 'auto|dagger|embedded',
    choices: ['auto', 'dagger', 'embedded'],
    summary: 'what runs the containers (default auto: the first that works)',
  },
  offline: { summary: 'use no network at all; what is missing is named' },
  output: {
    value: 'DIR',
    summary: 'folder for results; other files stay (default out, images or out/replay)',
  },
  images: { value: 'DIR', summary: 'take images from a folder of OCI archives, not from a registry' },
  mirror: { value: 'REGISTRY=PLACE', repeatable: true, summary: 'ask this place first, e.g. docker.io=host/prefix' },
  secrets: {
    value: 'SECRET',
    repeatable: true,
    summary: 'give it to installs: env://NPM_TOKEN, file://DIR/NPM_TOKEN',
  },
  'host-port': {
    value: 'PORT',
    repeatable: true,
    summary: 'a loopback port that such installs may reach: a registry',
  },
  'step-timeout': { value: 'DURATION', summary: 'end a step that runs longer: 90s, 10m, 2h (default 1h)' },
  only: { value: 'A,B', summary: 'run nothing but these stages and what they need' },
  skip: { value: 'A,B', summary: 'leave out these stages and what needs them' },
  from: { value: 'A,B', summary: 'run from these stages on: they, what needs them, and what those need' },
  platforms: { value: 'A,B', summary: `build the image for these (default ${DEFAULT_PLATFORM})` },
  compare: { value: 'FILE', summary: "another run's result.json: fail unless the image is the same" },
  image: { value: 'FILE', summary: 'look at this OCI archive instead of building one' },
  'vuln-db': {
    value: 'PATH|REF',
    summary: "the vulnerability database (default: the policy's)",
  },
  'vuln-db-ref': { value: 'REF', summary: 'the same, always a reference' },
  base: { value: 'REF', summary: 'of a pull request: policy and VEX come from here' },
  baseline: { value: 'FILE', summary: "the base branch's verdict.json, to count new findings only" },
  runtime: {
    value: 'session|compose',
    choices: ['session', 'compose'],
    summary: "deploy in the engine's session, or by Docker Compose (default session)",
  },
  volumes: { summary: 'remove the data as well' },
  replay: { value: 'FILE', summary: 'decide a recorded verdict.json again, from nothing but the record' },
  rehearsal: { summary: 'take any vulnerability database; publish to loopback only' },
  run: { value: 'DIR', summary: 'deliver what this report of `ci` holds, instead of running it' },
  registry: { value: 'HOST', summary: 'where images are kept (default ghcr.io); loopback is a rehearsal' },
  repository: { value: 'OWNER/NAME', summary: 'the repository there' },
  ref: { value: 'REF', summary: 'what is delivered, e.g. refs/tags/v1.2.3 (default: the branch)' },
  username: { value: 'NAME', summary: 'who logs in at the registry' },
  token: {
    value: 'SECRET',
    summary: 'its token: env://NAME, file://PATH',
    taken: 'at ghcr.io env://GITHUB_TOKEN',
  },
  'cosign-key': { value: 'SECRET', summary: 'sign with this key', taken: 'env://COSIGN_PRIVATE_KEY' },
  'cosign-password': { value: 'SECRET', summary: 'the key’s password', taken: 'env://COSIGN_PASSWORD' },
  'oidc-url': { value: 'SECRET', summary: 'sign by identity, as GitHub Actions gives it to a job: where to ask' },
  'oidc-token': { value: 'SECRET', summary: 'and with which token' },
  builder: { value: 'URI', summary: 'who built it, for the provenance: the workflow, at its ref' },
  invocation: { value: 'URI', summary: 'and by which run' },
  'dry-run': { summary: 'push to a registry of the run’s own, which is gone afterwards' },
  'skip-rollback': { summary: 'do not rehearse the rollback to the previous release' },
  reference: { value: 'REF', summary: 'the image to verify, e.g. ghcr.io/OWNER/NAME:main' },
  files: { value: 'DIR', summary: 'verify what this report of `cd` or `verify` holds; needs no network' },
  'cosign-pub': { value: 'FILE', summary: 'the public key that has to have signed' },
  identity: { value: 'REGEXP', summary: 'or the identity that its certificate has to name' },
  issuer: { value: 'URL', summary: 'and the issuer of that identity' },
  tag: { value: 'TAG', summary: 'the tag to put back (default main)' },
  to: { value: 'DIGEST', summary: 'go back to this image (default: what the release record says came before)' },
  verdict: { value: 'FILE', summary: 'the verdict to explain', taken: 'out/verdict.json' },
  before: { value: 'FILE', summary: 'an earlier verdict: say what moved it since' },
  stage: {
    value: 'STAGE',
    choices: CAPSULE_STAGES,
    summary: 'what the capsule is to run again (default ci: all of it)',
  },
  thin: { summary: 'leave out the images, which pins name; a replay is given them by --images' },
  all: { summary: 'run every stage that the capsule holds enough for' },
  shell: { summary: 'open a shell in the failed step, as it was left' },
  with: { value: 'DIR', summary: 'run the stages on this tree: does it fix the failure?' },
  check: { summary: 'say what is due, and write nothing' },
  yes: { summary: 'write without asking' },
  strict: { summary: 'fail also when something could not be evaluated' },
  json: { summary: 'print the result as JSON; everything else goes to stderr' },
  progress: {
    value: 'auto|tty|plain',
    choices: ['auto', 'tty', 'plain'],
    summary: 'live display, or lines (default auto)',
  },
  verbose: { summary: 'print every step and its output' },
  help: { summary: 'show help; after a function, its own' },
  version: { summary: 'show the version' },
} as const satisfies Record<string, OptionInfo>;

export type OptionName = keyof typeof OPTIONS;

export function optionInfo(name: OptionName): OptionInfo {
  return OPTIONS[name];
}

const GENERAL = ['engine', 'offline', 'mirror', 'step-timeout', 'verbose'] as const;
const COMMON = [...GENERAL, 'images', 'output', 'strict', 'json', 'progress'] as const;
const INSTALL = ['secrets', 'host-port'] as const;
const RUN = [...COMMON, ...INSTALL] as const;
/** What the general help lists; the rest is in the help of the functions that take it. */
export const COMMON_OPTIONS: readonly OptionName[] = [
  ...COMMON.filter((name) => name !== 'step-timeout' && name !== 'images'),
  'help',
  'version',
];

const SCAN = ['vuln-db', 'vuln-db-ref', 'base'] as const;
const GATE = [...SCAN, 'baseline', 'rehearsal'] as const;

const ACCESS = ['registry', 'repository', 'username', 'token'] as const;
const TARGET = [...ACCESS, 'ref'] as const;
const SIGN = ['cosign-key', 'cosign-password', 'oidc-url', 'oidc-token', 'builder', 'invocation'] as const;

/** Of drydock.yaml; all of them, if none is named. */
const SERVICES = '[SERVICE…]';

export const FUNCTIONS: Record<FunctionName, FunctionInfo> = {
  ci: {
    summary: 'lint, test, build, sbom, scan and gate, side by side (the default)',
    operands: SERVICES,
    options: [...RUN, 'only', 'skip', 'from', 'platforms', ...GATE, 'compare'],
    example: 'ci --output out',
  },
  lint: { summary: 'check format, lint rules and types', operands: SERVICES, options: RUN, example: 'lint' },
  test: { summary: 'run the tests', operands: SERVICES, options: RUN, example: 'test --verbose' },
  build: {
    summary: "build the service's image, as an OCI archive",
    operands: SERVICES,
    options: [...RUN, 'platforms'],
    example: 'build --platforms linux/amd64,linux/arm64',
  },
  sbom: {
    summary: 'describe image and source: SPDX and CycloneDX',
    operands: SERVICES,
    options: [...RUN, 'platforms', 'image'],
    example: 'sbom --image out/image.tar',
  },
  scan: {
    summary: 'look for vulnerabilities, secrets and misconfigurations',
    operands: SERVICES,
    options: [...RUN, 'platforms', 'image', ...SCAN],
    example: 'scan --vuln-db ghcr.io/aquasecurity/trivy-db:2',
  },
  gate: {
    summary: 'decide by policy/gate.yaml whether what was found may ship',
    operands: SERVICES,
    options: [...RUN, 'platforms', 'image', ...GATE, 'replay'],
    example: 'gate --replay out/verdict.json',
  },
  smoke: {
    summary: 'deploy docker-compose.yml with the image, and verify that it works',
    operands: SERVICES,
    options: [...RUN, 'platforms', 'image', 'runtime'],
    example: 'smoke --image out/image.tar --runtime compose',
  },
  up: {
    summary: 'start the platform by Docker Compose, with the image',
    operands: '[NAME…]',
    options: [...GENERAL, ...INSTALL, 'images', 'output', 'progress', 'platforms', 'image'],
    example: 'up app nginx',
  },
  down: {
    summary: 'stop the platform that `up` started',
    options: ['volumes'],
    example: 'down --volumes',
  },
  publish: {
    summary: 'push what passed, by digest; no tag is updated',
    operands: SERVICES,
    options: [...RUN, 'platforms', ...GATE, 'run', ...TARGET, 'dry-run'],
    example: 'publish --registry 127.0.0.1:5000',
  },
  cd: {
    summary: 'deliver: push, sign, deploy to verify it, then update the tags',
    operands: SERVICES,
    options: [...RUN, 'platforms', ...GATE, 'run', ...TARGET, 'dry-run', ...SIGN, 'skip-rollback'],
    example: 'cd --run out --output shipped --repository acme/app --ref refs/heads/main',
  },
  verify: {
    summary: 'check that an image is intact, who signed it, and its attestations',
    operands: '[REF]',
    options: [...RUN, 'reference', 'files', 'username', 'token', 'cosign-pub', 'identity', 'issuer'],
    example: 'verify --reference ghcr.io/acme/app:main --cosign-pub cosign.pub',
  },
  reproduce: {
    summary: 'build again what an image claims to be, and say what differs',
    operands: 'REF',
    options: [...GENERAL, ...INSTALL, 'images', 'progress'],
    example: 'reproduce ghcr.io/acme/app:main',
  },
  rollback: {
    summary: 'deploy the previous release, verify it, and move the tag back',
    options: [...RUN, ...ACCESS, 'tag', 'to'],
    example: 'rollback --repository acme/app --tag main',
  },
  explain: {
    summary: 'say why each finding counts or not, and what moved a verdict',
    options: ['verdict', 'before'],
    example: 'explain --before last/verdict.json',
  },
  times: {
    summary: 'show how long the stages of past runs took, next to policy/budgets.yaml',
    options: ['output'],
    example: 'times --output out',
  },
  runs: {
    summary: 'list the last ten runs',
    options: ['output', 'json'],
    example: 'runs',
  },
  open: {
    summary: 'open the report, or that of an earlier run, in a browser',
    operands: '[RUN]',
    options: ['output'],
    example: 'open 2',
  },
  capsule: {
    summary: 'write a file that runs a stage again, anywhere and without a network',
    operands: SERVICES,
    options: [...RUN, 'platforms', ...GATE, 'image', 'stage', 'thin'],
    example: 'capsule --stage test',
  },
  replay: {
    summary: 'run a capsule again, from its content alone and without a network',
    operands: 'FILE',
    options: ['all', 'with', 'shell', 'images', 'step-timeout', 'output', 'json', 'progress', 'verbose'],
    example: 'replay out/capsule-test.tar --with .',
  },
  diff: {
    summary: 'say what differs between two capsules',
    operands: 'A B',
    options: ['json'],
    example: 'diff yesterday.tar out/capsule-test.tar',
  },
  bisect: {
    summary: 'name the one input that makes the second capsule fail and the first not',
    operands: 'GOOD BAD',
    options: ['step-timeout', 'verbose'],
    example: 'bisect yesterday.tar out/capsule-test.tar',
  },
  watch: {
    summary: 'run a function again whenever a file is saved',
    operands: '[FUNCTION [SERVICE…]]',
    options: [...GENERAL, ...INSTALL, 'images', 'output', 'progress', 'platforms', ...GATE],
    example: 'watch test',
  },
  shell: {
    summary: 'look around in the failed step of a stage, as it was left',
    operands: 'STAGE [SERVICE]',
    options: [...GENERAL, ...INSTALL, 'images', 'platforms', 'image'],
    example: 'shell test',
  },
  warm: {
    summary: 'fetch all that `ci` and `smoke` need, so that they run with --offline',
    options: [...GENERAL, ...INSTALL, 'images', 'platforms', ...SCAN],
    example: 'warm',
  },
  images: {
    summary: 'write the pinned images as OCI archives, for --images',
    operands: '[NAME…]',
    options: [...GENERAL, 'output', 'platforms'],
    example: 'images node runtime --output images',
  },
  pins: {
    summary: 'update pins (images, actions, packages) to versions that are a week old',
    operands: 'update',
    options: ['check', 'strict', 'offline', 'mirror'],
    example: 'pins update --check',
  },
  doctor: {
    summary: 'show what on this machine would prevent a run, and how to fix it',
    options: ['engine', 'offline', 'mirror', 'images', 'json', 'verbose'],
    example: 'doctor --offline',
  },
  check: {
    summary: 'list everything in this repository that would fail a run',
    options: ['json'],
    example: 'check --json',
  },
  init: {
    summary: 'look what is here, and write the few files that a run needs of it',
    options: ['yes', 'dry-run', 'json'],
    says: {
      'dry-run': 'write nothing, and show what would be written',
      json: 'print the files, also those that are there, as JSON; write nothing',
    },
    example: 'init --dry-run',
  },
  add: {
    summary: 'write what deploys the service: a compose file, nginx and monitoring',
    operands: 'platform',
    options: ['dry-run'],
    says: { 'dry-run': 'write nothing, and list what would be written' },
    example: 'add platform --dry-run',
  },
  update: {
    summary: 'move to another version of drydock, and merge the files that it writes',
    operands: '[VERSION|FILE.tgz]',
    options: ['dry-run'],
    says: { 'dry-run': 'write nothing, and show the difference' },
    example: 'update --dry-run',
  },
  run: {
    summary: 'run a program of any Dagger SDK on the embedded engine',
    operands: '-- COMMAND…',
    options: ['offline', 'mirror', 'step-timeout', 'verbose'],
    example: 'run -- python pipeline.py',
  },
  engine: {
    summary: 'print the variable by which Dagger SDKs find the embedded engine, for a shell',
    options: [],
    example: 'engine',
  },
  completion: {
    summary: 'print completion for a shell',
    operands: 'bash|zsh|fish',
    options: [],
    example: 'completion bash',
  },
};

export const FUNCTION_NAMES = Object.keys(FUNCTIONS) as FunctionName[];

export function isFunction(name: string): name is FunctionName {
  return Object.hasOwn(FUNCTIONS, name);
}

/** Whether the words after its name are services of drydock.yaml. */
export function takesServices(name: FunctionName): name is StageFunction {
  return FUNCTIONS[name].operands === SERVICES;
}

/** The options of a function, its own first; help and version among them. */
export function optionsOf(name: FunctionName): OptionName[] {
  const { options } = FUNCTIONS[name];
  const isCommon = (option: OptionName) => (COMMON as readonly OptionName[]).includes(option);
  return [...options.filter((option) => !isCommon(option)), ...options.filter(isCommon), 'help', 'version'];
}

export function exampleOf(name: FunctionName): string {
  return `${COMMAND} ${FUNCTIONS[name].example}`;
}
