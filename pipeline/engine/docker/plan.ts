// What a stage of a Dockerfile comes to on its base: the settings of its image, and the steps that make its files. Starts nothing.
import { posix } from 'node:path';
import { type Expanded, expand } from '../../src/dockerfile/expand.ts';
import { type Heredoc, heredocMark, type Instruction, jsonWords, readDockerfile } from '../../src/dockerfile/read.ts';
import { EngineError } from '../errors.ts';
import type { ImageSettings } from '../values.ts';
import { type Flags, flagsOf } from './flags.ts';
import { healthcheckOf, portsOf, wordPairs } from './metadata.ts';
import { mountOf, type RunMount } from './mounts.ts';
import { at, declared, type Stage, type Stages } from './stages.ts';

/** What a step was asked for by. */
export interface Asked {
  readonly line: number;
  readonly keyword: string;
}

export interface RunStep {
  readonly kind: 'run';
  readonly asked: Asked;
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly user: string;
  readonly workdir: string;
  readonly mounts: readonly RunMount[];
  readonly hasNetwork: boolean;
  /** A heredoc that is a program of its own, and where it is to lie. */
  readonly script?: { readonly path: string; readonly content: string };
}

export interface CopyStep {
  readonly kind: 'copy';
  readonly asked: Asked;
  /** A stage or an image; undefined for the build's context. */
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly files: readonly { readonly name: string; readonly content: string }[];
  /** Absolute. Ends with a slash where a folder is meant. */
  readonly target: string;
  readonly owner: string;
  readonly mode: number | undefined;
  readonly exclude: readonly string[];
  readonly keepsParents: boolean;
  readonly unpacks: boolean;
}

/** A working directory, made for the user of that moment. */
interface FolderStep {
  readonly kind: 'folder';
  readonly asked: Asked;
  readonly path: string;
  readonly user: string;
}

export type Step = RunStep | CopyStep | FolderStep;

/** What a stage starts from: an image, or another stage with the variables that it ended with. */
export interface Base {
  readonly settings: ImageSettings;
  readonly variables?: ReadonlyMap<string, string>;
}

export interface StagePlan {
  readonly settings: ImageSettings;
  readonly steps: readonly Step[];
  /** Of environment and arguments, as stages see them that start from this one. */
  readonly variables: ReadonlyMap<string, string>;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function planStage(stage: Stage, base: Base, stages: Stages): StagePlan {
  const { OnBuild, ...other } = base.settings.other;
  const { env } = base.settings;
  const settings = { ...base.settings, other, env: env.has('PATH') ? env : new Map(env).set('PATH', DEFAULT_PATH) };
  const planner = new Planner(settings, base.variables ?? new Map(), stages);
  for (const trigger of (OnBuild as string[] | undefined) ?? [])
    for (const instruction of readDockerfile(trigger).instructions)
      planner.take({ ...instruction, line: stage.from.line });
  for (const instruction of stage.instructions) planner.take(instruction);
  return planner;
}

class Planner implements StagePlan {
  settings: ImageSettings;
  readonly steps: Step[] = [];
  readonly variables: Map<string, string>;
  readonly #stages: Stages;
  #hasCommand = false;

  constructor(settings: ImageSettings, variables: ReadonlyMap<string, string>, stages: Stages) {
    this.settings = settings;
    this.variables = new Map([...variables, ...settings.env]);
    this.#stages = stages;
  }

  take(instruction: Instruction): void {
    at(instruction, () => {
      const flags = flagsOf(instruction);
      if (instruction.rest === '') throw new EngineError('its arguments are missing');
      const work = WORK[instruction.keyword];
      if (work === undefined) throw new EngineError('it is not allowed here');
      work(this, instruction, flags);
    });
  }

  set(change: Partial<ImageSettings>): void {
    this.settings = { ...this.settings, ...change };
  }

  setOther(name: string, value: unknown): void {
    this.set({ other: { ...this.settings.other, [name]: value } });
  }

  get escapeMark(): string {
    return this.#stages.escapeMark;
  }

  expanded(text: string, ignoresQuotes = false): Expanded {
    const lookup = (name: string) => this.variables.get(name);
    const { growth } = this.#stages;
    return expand(text, { escapeMark: ignoresQuotes ? '\\' : this.escapeMark, lookup, ignoresQuotes, growth });
  }

  text(text: string): string {
    return this.expanded(text).text;
  }

  declare(instruction: Instruction): void {
    const { buildArguments, global } = this.#stages;
    for (const { name, value } of declared(instruction, this.escapeMark)) {
      const own = value === undefined ? global.get(name) : this.text(value);
      const known = buildArguments.get(name) ?? own;
      if (known !== undefined) this.variables.set(name, known);
    }
  }

  run({ line, keyword, rest, heredocs }: Instruction, flags: Flags): void {
    const network = flags.text('network') ?? 'default';
    if (network !== 'default' && network !== 'none')
      throw new EngineError(`--network=${network} is not in the embedded engine`, 'default and none are');
    if ((flags.text('security') ?? 'sandbox') !== 'sandbox' || flags.list('device').length > 0)
      throw new EngineError('--security and --device are not in the embedded engine');
    const script = programIn(rest, heredocs);
    const { user, workdir } = this.settings;
    this.steps.push({
      kind: 'run',
      asked: { line, keyword },
      args: script === undefined ? this.#command(rest, heredocs) : this.#inShell(script.path),
      env: new Map(this.variables),
      user,
      workdir,
      mounts: flags.list('mount').map((mount) => mountOf(mount, (value) => this.text(value), workdir)),
      hasNetwork: network !== 'none',
      ...(script === undefined ? {} : { script }),
    });
  }

  /** What CMD, ENTRYPOINT and RUN start: the words of an array, or a text for the shell. */
  command(rest: string): string[] {
    return jsonWords(rest) ?? this.#inShell(rest);
  }

  #command(rest: string, heredocs: readonly Heredoc[]): string[] {
    const [first] = heredocs;
    if (first === undefined) return this.command(rest);
    if (heredocMark(rest) !== undefined) return this.#inShell(first.content);
    // A shell that is to read heredocs itself.
    return this.#inShell([rest, ...heredocs.map(({ name, content }) => `${content}${name}`)].join('\n'));
  }

  #inShell(text: string): string[] {
    const { Shell = ['/bin/sh', '-c'] } = this.settings.other;
    return [...(Shell as string[]), text];
  }

  setCommand(rest: string): void {
    this.#hasCommand = true;
    this.set({ cmd: this.command(rest) });
  }

  setEntrypoint(rest: string): void {
    this.set({ entrypoint: this.command(rest), ...(this.#hasCommand ? {} : { cmd: [] }) });
  }

  copy({ line, keyword, rest, heredocs }: Instruction, flags: Flags): void {
    const words = (jsonWords(rest) ?? rest.split(/\s+/)).map((word) => (heredocMark(word) ? word : this.text(word)));
    const target = words.at(-1) as string;
    if (words.length < 2) throw new EngineError('a source and a destination are required');
    if (heredocMark(target)) throw new EngineError('the destination is missing');
    const from = flags.text('from');
    if (from?.includes('$'))
      throw new EngineError('--from does not expand variables', `name a stage: FROM ${from} AS name, and ARG above it`);
    const named = words.slice(0, -1);
    const sources = named.filter((word) => heredocMark(word) === undefined);
    for (const source of sources) checkLocal(source, keyword);
    if (flags.text('checksum') !== undefined) throw new EngineError('--checksum is for what is fetched');
    this.steps.push({
      kind: 'copy',
      asked: { line, keyword },
      from,
      sources,
      files: heredocs.map(({ name, content, isExpanded }) => ({
        name,
        content: isExpanded ? this.expanded(content, true).text : content,
      })),
      target: this.#inWorkdir(target),
      owner: this.text(flags.text('chown') ?? ''),
      mode: modeOf(this.text(flags.text('chmod') ?? '')),
      exclude: flags.list('exclude').map((pattern) => this.text(pattern)),
      keepsParents: flags.boolean('parents') ?? false,
      unpacks: flags.boolean('unpack') ?? keyword === 'ADD',
    });
  }

  #inWorkdir(path: string): string {
    const place = posix.resolve('/', this.settings.workdir, path);
    return /(^|\/)\.?$/.test(path) && place !== '/' ? `${place}/` : place;
  }

  changeFolder({ line, keyword, rest }: Instruction): void {
    const path = posix.resolve('/', this.settings.workdir, this.text(rest));
    this.set({ workdir: path });
    this.steps.push({ kind: 'folder', asked: { line, keyword }, path, user: this.settings.user });
  }
}

/** A heredoc that is all of a RUN, and names its own interpreter. */
function programIn(rest: string, [first]: readonly Heredoc[]): RunStep['script'] {
  if (first === undefined || heredocMark(rest) === undefined || !first.content.startsWith('#!')) return undefined;
  return { path: `/dev/pipes/${first.name}`, content: first.content };
}

/** The engine has no way to fetch what an address means, and to know it by its hash. */
function checkLocal(source: string, keyword: string): void {
  if (!/^(https?:\/\/|git@|git:\/\/|ssh:\/\/)/.test(source)) return;
  throw new EngineError(
    keyword === 'ADD' ? `${source} cannot be fetched by the embedded engine` : `${source} is an address, not a path`,
    'put the file into the context, or fetch it with RUN',
  );
}

function modeOf(text: string): number | undefined {
  if (text === '') return undefined;
  if (!/^[0-7]{1,4}$/.test(text))
    throw new EngineError(`--chmod=${text} is not an octal number`, 'write it as in --chmod=755');
  return Number.parseInt(text, 8);
}

type Work = (plan: Planner, instruction: Instruction, flags: Flags) => void;

const WORK: Readonly<Record<string, Work>> = {
  ADD: (plan, instruction, flags) => plan.copy(instruction, flags),
  ARG: (plan, instruction) => plan.declare(instruction),
  CMD: (plan, { rest }) => plan.setCommand(rest),
  COPY: (plan, instruction, flags) => plan.copy(instruction, flags),
  ENTRYPOINT: (plan, { rest }) => plan.setEntrypoint(rest),
  ENV: (plan, { rest }) => {
    // All of one instruction see what was there before it.
    const pairs = wordPairs(rest, plan.escapeMark).map(([name, value]) => [plan.text(name), plan.text(value)] as const);
    for (const [name, value] of pairs) plan.variables.set(name, value);
    plan.set({ env: new Map([...plan.settings.env, ...pairs]) });
  },
  EXPOSE: (plan, { rest }) => plan.set({ ports: portsOf(plan.settings.ports, plan.expanded(rest).words) }),
  HEALTHCHECK: (plan, { rest }, flags) => plan.setOther('Healthcheck', healthcheckOf(rest, flags)),
  LABEL: (plan, { rest }) => {
    const pairs = wordPairs(rest, plan.escapeMark).map(([name, value]) => [plan.text(name), plan.text(value)] as const);
    plan.set({ labels: new Map([...plan.settings.labels, ...pairs]) });
  },
  MAINTAINER: () => {},
  ONBUILD: (plan, { rest, heredocs }) => {
    const [keyword = ''] = rest.split(/\s/, 1);
    if (/^(ONBUILD|FROM|MAINTAINER)$/i.test(keyword)) throw new EngineError(`${keyword} cannot be a trigger`);
    const trigger = [rest, ...heredocs.map(({ name, content }) => `${content}${name}`)].join('\n');
    plan.setOther('OnBuild', [...((plan.settings.other.OnBuild as string[] | undefined) ?? []), trigger]);
  },
  RUN: (plan, instruction, flags) => plan.run(instruction, flags),
  SHELL: (plan, { rest }) => {
    const words = jsonWords(rest) ?? [];
    if (words.length === 0) throw new EngineError('an array is required', 'write it as in SHELL ["/bin/bash", "-c"]');
    plan.setOther('Shell', words);
  },
  STOPSIGNAL: (plan, { rest }) => plan.setOther('StopSignal', plan.text(rest)),
  USER: (plan, { rest }) => plan.set({ user: plan.text(rest) }),
  VOLUME: (plan, { rest }) => {
    const paths = (jsonWords(rest) ?? rest.split(/\s+/)).map((path) => [plan.text(path), {}]);
    plan.setOther('Volumes', { ...(plan.settings.other.Volumes as object | undefined), ...Object.fromEntries(paths) });
  },
  WORKDIR: (plan, instruction) => plan.changeFolder(instruction),
};
