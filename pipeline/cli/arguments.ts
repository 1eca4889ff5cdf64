// Reads the command line into one value, with every default in it. Throws in one sentence what cannot be meant.
import { parseArgs } from 'node:util';
import { COMMAND } from '../src/command.ts';
import { PipelineError, reasonOf } from '../src/core/errors.ts';
import { CAPSULE_STAGES, type CapsuleStage, type StageFunction } from '../src/core/functions.ts';
import { DEFAULT_PLATFORM, parsePlatforms } from '../src/core/platforms.ts';
import type { Selection } from '../src/core/stages.ts';
import { parseStepTimeout, STEP_TIMEOUT_RANGE } from '../src/duration.ts';
import { parseMirrors } from '../src/oci/registry.ts';
import { PIN_NAMES, type PinName } from '../src/pins.ts';
import { nearest } from '../src/suggest.ts';
import {
  exampleOf,
  FUNCTION_NAMES,
  type FunctionName,
  isFunction,
  OPTIONS,
  type OptionName,
  optionInfo,
  optionsOf,
  takesServices,
} from './functions.ts';

export type EngineChoice = 'auto' | 'dagger' | 'embedded';
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What every function that needs an engine knows. */
export type EngineOptions = {
  engine: EngineChoice;
  offline: boolean;
  mirrors: string[];
  /** Addresses of secrets, for installs. */
  secrets: string[];
  /** Ports of this machine's loopback address, for the same. */
  hostPorts: number[];
  /** As it was written; null where the engine's default holds. */
  stepTimeout: string | null;
  verbose: boolean;
};

export type StageInvocation = {
  kind: 'stages';
  function: StageFunction;
  options: EngineOptions & {
    /** Of drydock.yaml; none for all of them. */
    services: string[];
    output: string;
    images: string | null;
    platforms: string[];
    selection: Selection;
    strict: boolean;
    json: boolean;
    progress: 'auto' | 'tty' | 'plain';
    compare: string | null;
    image: string | null;
    vulnDb: VulnDbChoice | null;
    base: string;
    baseline: string | null;
    replay: string | null;
    rehearsal: boolean;
    run: string | null;
    delivery: DeliveryArguments;
    runtime: 'session' | 'compose';
    stage: CapsuleStage;
    thin: boolean;
  };
};
export type ReplayInvocation = {
  kind: 'replay';
  file: string;
  options: Pick<StageInvocation['options'], 'output' | 'images' | 'json' | 'progress' | 'stepTimeout' | 'verbose'> & {
    all: boolean;
    shell: boolean;
    /** A tree to run the stages on, instead of the capsule's. */
    with: string | null;
  };
};
export type BisectInvocation = {
  kind: 'bisect';
  /** One that passed, one that failed. */
  files: [string, string];
  options: Pick<EngineOptions, 'stepTimeout' | 'verbose'>;
};
/** What runs the stage whose container is looked into. */
export type ShellInvocation = { kind: 'shell'; stage: StageInvocation };
export type WatchInvocation = { kind: 'watch'; run: StageInvocation };
export type WarmInvocation = { kind: 'warm'; run: StageInvocation };
export type DiffInvocation = { kind: 'diff'; files: [string, string]; json: boolean };
/** What the functions of delivery take; a secret is named by `env://NAME` or `file://PATH`, empty for the default. */
export type DeliveryArguments = {
  registry: string;
  repository: string;
  ref: string;
  builder: string;
  invocation: string;
  username: string;
  secrets: Record<SecretName, string>;
  dryRun: boolean;
  skipRollback: boolean;
  reference: string;
  files: string | null;
  cosignPub: string | null;
  identity: string;
  issuer: string;
  tag: string;
  to: string;
};
const SECRETS = ['token', 'cosign-key', 'cosign-password', 'oidc-url', 'oidc-token'] as const;
export type SecretName = (typeof SECRETS)[number];
/** A path, a reference, or whichever of them it turns out to be. */
export type VulnDbChoice = { given: string; isReference: boolean };
/** `build` is what builds it again; its output and platforms are those of the reference. */
export type ReproduceInvocation = { kind: 'reproduce'; reference: string; build: StageInvocation };
export type ExplainInvocation = { kind: 'explain'; verdict: string; before: string | null };
export type TimesInvocation = { kind: 'times'; output: string };
export type RunsInvocation = { kind: 'runs'; output: string; json: boolean };
/** Of which run: the latest is 1; null for what the output folder has, whatever that is of. */
export type OpenInvocation = { kind: 'open'; output: string; run: number | null };
export type ImagesInvocation = {
  kind: 'images';
  names: PinName[];
  options: EngineOptions & { output: string; platforms: string[] };
};
export type PinsInvocation = {
  kind: 'pins';
  options: Pick<EngineOptions, 'offline' | 'mirrors'> & { check: boolean; strict: boolean };
};
export type DoctorInvocation = { kind: 'doctor'; options: EngineOptions & { json: boolean; images: string | null } };
export type CheckInvocation = { kind: 'check'; json: boolean };
export type InitInvocation = { kind: 'init'; yes: boolean; dryRun: boolean; json: boolean };
/** `wanted` is a version, a tag of the registry, or an archive's path. */
export type AddInvocation = { kind: 'add'; dryRun: boolean };

export type UpdateInvocation = { kind: 'update'; wanted: string; dryRun: boolean };
/** A program that speaks to a Dagger engine, with its arguments. */
export type RunInvocation = { kind: 'run'; command: [string, ...string[]]; options: EngineOptions };
/** `build` is what builds the image, unless one was named. */
export type UpInvocation = { kind: 'up'; services: string[]; build: StageInvocation };
export type DownInvocation = { kind: 'down'; volumes: boolean };
export type Invocation =
  | StageInvocation
  | ImagesInvocation
  | ReproduceInvocation
  | ExplainInvocation
  | TimesInvocation
  | RunsInvocation
  | OpenInvocation
  | PinsInvocation
  | DoctorInvocation
  | CheckInvocation
  | InitInvocation
  | AddInvocation
  | UpdateInvocation
  | ReplayInvocation
  | DiffInvocation
  | BisectInvocation
  | ShellInvocation
  | WarmInvocation
  | WatchInvocation
  | UpInvocation
  | DownInvocation
  | RunInvocation
  | { kind: 'engine' }
  | { kind: 'completion'; shell: Shell }
  | { kind: 'help'; of: FunctionName | null }
  | { kind: 'version' };

type Values = Partial<Record<OptionName, string | boolean | string[]>>;

export function parseInvocation(args: readonly string[]): Invocation {
  const { values, positionals } = parseLoosely(withCommandApart(args));
  const [first, ...operands] = positionals;
  if (first === 'help') return { kind: 'help', of: operands[0] === undefined ? null : toFunction(operands[0]) };
  const name = first === undefined ? 'ci' : toFunction(first);
  if (values.help === true) return { kind: 'help', of: first === undefined ? null : name };
  if (values.version === true) return { kind: 'version' };
  const foreign = (Object.keys(values) as OptionName[]).find((option) => !optionsOf(name).includes(option));
  if (foreign !== undefined) {
    throw new PipelineError('UNKNOWN_OPTION', `${name} does not take --${foreign}`, `what it takes: ${name} --help`);
  }
  return build(name, operands, values);
}

function build(name: FunctionName, operands: string[], values: Values): Invocation {
  if (name === 'completion') return { kind: 'completion', shell: toShell(operands) };
  if (name === 'explain') {
    if (operands.length > 0) throw unexpected(name, operands);
    return {
      kind: 'explain',
      verdict: text(values, 'verdict') ?? 'out/verdict.json',
      before: text(values, 'before') ?? null,
    };
  }
  const engineOptions = toEngineOptions(values);
  if (name === 'run') return { kind: 'run', command: toCommand(operands), options: engineOptions };
  if (name === 'pins') return { kind: 'pins', options: toPinsOptions(operands, values, engineOptions) };
  if (name === 'images') {
    const output = text(values, 'output') ?? 'images';
    const options = { ...engineOptions, output, platforms: toPlatforms(values) };
    return { kind: 'images', names: operands.map(toPin), options };
  }
  if (name === 'reproduce')
    return { kind: 'reproduce', reference: toReference(operands), build: toStages('build', values) };
  if (name === 'up') return { kind: 'up', services: [...operands], build: toStages('build', values) };
  if (name === 'replay') return toReplay(operands, values);
  if (name === 'diff') return { kind: 'diff', files: toCapsules(name, operands, 2), json: values.json === true };
  if (name === 'watch') {
    const [of, ...services] = operands;
    return { kind: 'watch', run: toStages(toWatched(of), values, { services }) };
  }
  if (name === 'shell') {
    const [of, ...services] = operands;
    const stage = toStages(toShellStage(of), values, { services });
    if (stage.options.engine === 'dagger')
      throw new PipelineError(
        'BAD_OPTION',
        'a Dagger engine cannot open a shell on this terminal, which only an engine on this machine reaches',
        `use the embedded one: shell ${stage.function} --engine embedded`,
      );
    return { kind: 'shell', stage };
  }
  if (name === 'bisect')
    return {
      kind: 'bisect',
      files: toCapsules(name, operands, 2),
      options: { stepTimeout: toStepTimeout(values), verbose: values.verbose === true },
    };
  const dryRun = values['dry-run'] === true;
  if (name === 'add') {
    const [what, ...more] = operands;
    if (what === 'platform' && more.length === 0) return { kind: 'add', dryRun };
    const given = what === undefined ? 'nothing was named to add' : `there is no ${operands.join(' ')} to add`;
    throw new PipelineError('BAD_OPTION', given, 'write add platform, or add platform --dry-run');
  }
  if (name === 'update') {
    const [wanted = 'latest', ...more] = operands;
    if (more.length > 0) throw unexpected(name, more);
    return { kind: 'update', wanted, dryRun };
  }
  if (name === 'open') return { kind: 'open', output: text(values, 'output') ?? 'out', run: toRun(operands) };
  // The image to verify may stand by itself.
  const [reference] = name === 'verify' ? operands.splice(0, 1) : [];
  if (takesServices(name)) return toStages(name, values, { services: operands });
  if (operands.length > 0) throw unexpected(name, operands);
  if (name === 'engine') return { kind: 'engine' };
  if (name === 'warm') return { kind: 'warm', run: toStages('ci', values) };
  if (name === 'times') return { kind: 'times', output: text(values, 'output') ?? 'out' };
  if (name === 'runs') return { kind: 'runs', output: text(values, 'output') ?? 'out', json: values.json === true };
  if (name === 'down') return { kind: 'down', volumes: values.volumes === true };
  if (name === 'check') return { kind: 'check', json: values.json === true };
  if (name === 'init') return { kind: 'init', yes: values.yes === true, dryRun, json: values.json === true };
  if (name === 'doctor') {
    const images = text(values, 'images') ?? null;
    return { kind: 'doctor', options: { ...engineOptions, json: values.json === true, images } };
  }
  return toStages(name, values, { reference });
}

/** What follows the name of a command is the command's, as `env` has it. */
function withCommandApart(args: readonly string[]): readonly string[] {
  if (args[0] !== 'run') return args;
  for (let at = 1; at < args.length && args[at] !== '--'; at += 1) {
    const word = args[at] as string;
    if (!word.startsWith('-')) return [...args.slice(0, at), '--', ...args.slice(at)];
    const name = word.replace(/^--/, '');
    if (Object.hasOwn(OPTIONS, name) && optionInfo(name as OptionName).value !== undefined) at += 1; // its value
  }
  return args;
}

function toCommand([program, ...args]: readonly string[]): [string, ...string[]] {
  if (program !== undefined) return [program, ...args];
  throw new PipelineError(
    'BAD_OPTION',
    'run needs a command',
    `for example: ${exampleOf('run')}; the pipeline is run by: ${COMMAND} ci`,
  );
}

function toReference(operands: readonly string[]): string {
  const [reference, ...more] = operands;
  if (reference !== undefined && more.length === 0) return reference;
  throw new PipelineError(
    'BAD_OPTION',
    `reproduce takes one image, not ${operands.length}`,
    'for example: reproduce ghcr.io/OWNER/NAME:main',
  );
}

function toStages(
  name: StageFunction,
  values: Values,
  { services = [], reference }: { services?: string[]; reference?: string | undefined } = {},
): StageInvocation {
  return {
    kind: 'stages',
    function: name,
    options: {
      ...toEngineOptions(values),
      services,
      output: text(values, 'output') ?? 'out',
      images: text(values, 'images') ?? null,
      platforms: toPlatforms(values),
      selection: { only: names(values, 'only'), skip: names(values, 'skip'), from: names(values, 'from') },
      strict: values.strict === true,
      json: values.json === true,
      progress: choice(values, 'progress', ['auto', 'tty', 'plain'] as const),
      compare: text(values, 'compare') ?? null,
      image: text(values, 'image') ?? null,
      vulnDb: toVulnDb(values),
      base: text(values, 'base') ?? '',
      baseline: text(values, 'baseline') ?? null,
      replay: text(values, 'replay') ?? null,
      rehearsal: values.rehearsal === true,
      run: text(values, 'run') ?? null,
      delivery: toDelivery(values, reference),
      runtime: choice(values, 'runtime', ['session', 'compose'] as const),
      stage: choice(values, 'stage', CAPSULE_STAGES),
      thin: values.thin === true,
    },
  };
}

function toReplay(operands: readonly string[], values: Values): ReplayInvocation {
  const [file] = toCapsules('replay', operands, 1);
  return {
    kind: 'replay',
    file,
    options: {
      stepTimeout: toStepTimeout(values),
      verbose: values.verbose === true,
      output: text(values, 'output') ?? 'out/replay',
      images: text(values, 'images') ?? null,
      json: values.json === true,
      progress: choice(values, 'progress', ['auto', 'tty', 'plain'] as const),
      all: values.all === true,
      shell: values.shell === true,
      with: text(values, 'with') ?? null,
    },
  };
}

/** What is run again. Nothing that has an effect elsewhere. */
function toWatched(name = 'ci'): StageFunction {
  const found = CAPSULE_STAGES.find((stage) => stage === name);
  if (found !== undefined) return found;
  throw new PipelineError(
    'BAD_OPTION',
    `watch cannot run ${JSON.stringify(name)}`,
    `it can be ${CAPSULE_STAGES.join(', ')}`,
  );
}

function toShellStage(name: string | undefined): StageFunction {
  const stages = CAPSULE_STAGES.filter((stage) => stage !== 'ci' && stage !== 'gate');
  const found = stages.find((stage) => stage === name);
  if (found !== undefined) return found;
  const given = name === undefined ? 'shell needs a stage' : `shell cannot look into ${JSON.stringify(name)}`;
  throw new PipelineError('BAD_OPTION', given, `it can be ${stages.join(', ')}`);
}

/** As many capsules as the function takes. */
function toCapsules(name: FunctionName, operands: readonly string[], wanted: 1): [string];
function toCapsules(name: FunctionName, operands: readonly string[], wanted: 2): [string, string];
function toCapsules(name: FunctionName, operands: readonly string[], wanted: number): string[] {
  if (operands.length === wanted) return [...operands];
  const what = wanted === 1 ? 'one capsule' : 'two capsules';
  throw new PipelineError(
    'BAD_OPTION',
    `${name} takes ${what}, not ${operands.length}`,
    `for example: ${exampleOf(name)}`,
  );
}

function toDelivery(values: Values, reference: string | undefined): DeliveryArguments {
  const given = (name: OptionName) => text(values, name) ?? '';
  return {
    registry: given('registry') || 'ghcr.io',
    repository: given('repository'),
    ref: given('ref'),
    builder: given('builder'),
    invocation: given('invocation'),
    username: given('username'),
    secrets: Object.fromEntries(SECRETS.map((name) => [name, given(name)])) as Record<SecretName, string>,
    dryRun: values['dry-run'] === true,
    skipRollback: values['skip-rollback'] === true,
    reference: reference ?? given('reference'),
    files: text(values, 'files') ?? null,
    cosignPub: text(values, 'cosign-pub') ?? null,
    identity: given('identity'),
    issuer: given('issuer'),
    tag: given('tag') || 'main',
    to: given('to'),
  };
}

function toPlatforms(values: Values): string[] {
  return parsePlatforms([text(values, 'platforms') ?? DEFAULT_PLATFORM]);
}

/** Names with commas between them. */
function names(values: Values, option: 'only' | 'skip' | 'from'): string[] {
  const given = (text(values, option) ?? '').split(',').map((name) => name.trim());
  return given.filter((name) => name !== '');
}

function toVulnDb(values: Values): VulnDbChoice | null {
  const [either, reference] = [text(values, 'vuln-db'), text(values, 'vuln-db-ref')];
  if (either !== undefined && reference !== undefined) {
    throw new PipelineError('BAD_OPTION', '--vuln-db and --vuln-db-ref name two databases', 'name one');
  }
  if (reference !== undefined) return { given: reference, isReference: true };
  return either === undefined ? null : { given: either, isReference: false };
}

function toEngineOptions(values: Values): EngineOptions {
  const engine = choice(values, 'engine', ['auto', 'dagger', 'embedded'] as const);
  const offline = values.offline === true;
  if (offline && engine === 'dagger') {
    throw new PipelineError(
      'BAD_OPTION',
      '--offline cannot be promised for a Dagger engine, which has its own network',
      'use --engine embedded --offline, or --images DIR with the Dagger engine',
    );
  }
  const stepTimeout = toStepTimeout(values);
  if (stepTimeout !== null && engine === 'dagger') {
    throw new PipelineError(
      'BAD_OPTION',
      '--step-timeout cannot be promised for a Dagger engine, which ends no step for the time that it takes',
      'use --engine embedded --step-timeout, or let the command end itself: timeout 10m COMMAND',
    );
  }
  const mirrors = checkMirrors(Array.isArray(values.mirror) ? values.mirror : []);
  const secrets = checkAll(
    values.secrets,
    SECRET,
    'secrets',
    'is not the address of a secret',
    'write env://NAME or file://DIR/NAME',
  );
  const hostPorts = checkAll(
    values['host-port'],
    PORT,
    'host-port',
    'is no port',
    'write a number from 1 to 65535',
  ).map(Number);
  return { engine, offline, mirrors, secrets, hostPorts, stepTimeout, verbose: values.verbose === true };
}

const SECRET = /^(?:env:\/\/|file:\/\/(?:.*\/)?)[A-Za-z_]\w*$/;
const PORT = /^(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5])$/;

/** What was typed may be the secret itself: it is not repeated. */
function checkAll(given: unknown, pattern: RegExp, option: OptionName, problem: string, hint: string): string[] {
  const all = Array.isArray(given) ? (given as string[]) : [];
  if (all.every((each) => pattern.test(each))) return all;
  throw new PipelineError('BAD_OPTION', `a --${option} ${problem}`, hint);
}

function toStepTimeout(values: Values): string | null {
  const given = text(values, 'step-timeout') ?? null;
  if (given === null || parseStepTimeout(given) !== undefined) return given;
  throw new PipelineError(
    'BAD_OPTION',
    `--step-timeout: ${JSON.stringify(given)} is not ${STEP_TIMEOUT_RANGE}`,
    'write --step-timeout 90s, 10m or 2h',
  );
}

function toPinsOptions(
  [action, ...more]: readonly string[],
  values: Values,
  { offline, mirrors }: EngineOptions,
): PinsInvocation['options'] {
  if (action !== 'update') {
    const given = action === undefined ? 'pins needs an action' : `pins cannot ${action}`;
    throw new PipelineError('BAD_OPTION', given, 'write pins update, or pins update --check');
  }
  if (more.length > 0) throw unexpected('pins', more);
  return { offline, mirrors, check: values.check === true, strict: values.strict === true };
}

/** Known options only, each checked here: parseArgs' own errors name neither function nor way out. */
function parseLoosely(args: readonly string[]): { values: Values; positionals: string[] } {
  const options = Object.fromEntries(
    (Object.keys(OPTIONS) as OptionName[]).map((name) => {
      const { value, repeatable } = optionInfo(name);
      const short = { help: 'h', version: 'V', verbose: 'v', output: 'o' }[name as string];
      const type: 'string' | 'boolean' = value === undefined ? 'boolean' : 'string';
      return [name, { type, ...(repeatable ? { multiple: true } : {}), ...(short === undefined ? {} : { short }) }];
    }),
  );
  const { tokens, values, positionals } = parseArgs({
    args: [...args],
    options,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    if (!Object.hasOwn(OPTIONS, token.name)) throw unknownOption(token.rawName);
    const { value, choices } = optionInfo(token.name as OptionName);
    if (value === undefined && token.value !== undefined) {
      throw new PipelineError('BAD_OPTION', `--${token.name} takes no value`, `write just --${token.name}`);
    }
    // A following option is no value: `--output --json` is a slip, not a folder called --json.
    const isMissing =
      token.value === undefined || token.value === '' || (!token.inlineValue && token.value.startsWith('-'));
    if (value !== undefined && isMissing) {
      throw new PipelineError('BAD_OPTION', `--${token.name} needs a value`, `write --${token.name} ${value}`);
    }
    if (choices !== undefined && !choices.includes(token.value ?? ''))
      throw wrongChoice(token.name, token.value ?? '', choices);
  }
  return { values: values as Values, positionals };
}

function toFunction(name: string): FunctionName {
  if (isFunction(name)) return name;
  const near = nearest(name, FUNCTION_NAMES);
  throw new PipelineError(
    'UNKNOWN_FUNCTION',
    `there is no function ${JSON.stringify(name)}`,
    near === undefined ? `functions: ${FUNCTION_NAMES.join(', ')}` : `did you mean ${near}?`,
  );
}

function unknownOption(rawName: string): PipelineError {
  const names = Object.keys(OPTIONS);
  const near = nearest(rawName.replace(/^-+/, ''), names);
  return new PipelineError(
    'UNKNOWN_OPTION',
    `there is no option ${rawName}`,
    near === undefined ? 'all options: --help' : `did you mean --${near}?`,
  );
}

function wrongChoice(name: string, value: string, choices: readonly string[]): PipelineError {
  const near = nearest(value, choices);
  return new PipelineError(
    'BAD_OPTION',
    `--${name} cannot be ${JSON.stringify(value)}`,
    near === undefined ? `it can be ${choices.join(', ')}` : `did you mean ${near}? It can be ${choices.join(', ')}`,
  );
}

function toPin(name: string): PinName {
  const found = PIN_NAMES.find((pin) => pin === name);
  if (found !== undefined) return found;
  const near = nearest(name, PIN_NAMES);
  const hint = near === undefined ? `pins: ${PIN_NAMES.join(', ')}` : `did you mean ${near}?`;
  throw new PipelineError('BAD_OPTION', `no image is pinned as ${JSON.stringify(name)}`, hint);
}

/** As `runs` numbers them. */
function toRun([run, ...more]: readonly string[]): number | null {
  if (more.length > 0) throw unexpected('open', more);
  if (run === undefined) return null;
  if (/^[1-9]\d{0,3}$/.test(run)) return Number(run);
  throw new PipelineError(
    'BAD_OPTION',
    `${JSON.stringify(run)} is not a number of a run`,
    `list them: ${COMMAND} runs`,
  );
}

function toShell(operands: readonly string[]): Shell {
  const [shell, ...more] = operands;
  if (more.length > 0) throw unexpected('completion', more);
  const found = SHELLS.find((one) => one === shell);
  if (found !== undefined) return found;
  const given = shell === undefined ? 'no shell was named' : `there is no completion for ${JSON.stringify(shell)}`;
  throw new PipelineError('BAD_OPTION', given, `write ${SHELLS.map((one) => `completion ${one}`).join(', or ')}`);
}

function checkMirrors(mirrors: string[]): string[] {
  try {
    parseMirrors(mirrors);
    return mirrors;
  } catch (cause) {
    throw new PipelineError('BAD_OPTION', `--mirror: ${reasonOf(cause)}`, 'write --mirror docker.io=host/prefix', {
      cause,
    });
  }
}

function unexpected(name: FunctionName, operands: readonly string[]): PipelineError {
  return new PipelineError(
    'BAD_OPTION',
    `${name} does not know what to do with ${operands.map((operand) => JSON.stringify(operand)).join(', ')}`,
    'one function at a time; options begin with --',
  );
}

function text(values: Values, name: OptionName): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

/** The value given, else the first choice. */
function choice<const T extends string>(values: Values, name: OptionName, choices: readonly [T, ...T[]]): T {
  const value = text(values, name);
  return choices.find((option) => option === value) ?? choices[0];
}
