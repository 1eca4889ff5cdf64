// The stages of a Dockerfile: what each starts from, and which one is meant by a name. The arguments above the first FROM are used up here.

import { expand, Growth } from '../../src/dockerfile/expand.ts';
import { DockerfileFault } from '../../src/dockerfile/fault.ts';
import { type Dockerfile, type Instruction, quotedWords } from '../../src/dockerfile/read.ts';
import { normalized } from '../api/platform.ts';
import { EngineError } from '../errors.ts';
import { didYouMean, flagsOf } from './flags.ts';

/** What a build is asked for. */
export interface Request {
  readonly buildArguments: ReadonlyMap<string, string>;
  /** Empty for the last stage. */
  readonly target: string;
  readonly platform: string;
  /** Of the machine that builds. */
  readonly hostPlatform: string;
}

export interface Stage {
  readonly index: number;
  /** In small letters; empty for one without. */
  readonly name: string;
  /** A stage's name, `scratch`, or an image. */
  readonly base: string;
  readonly platform: string;
  readonly from: Instruction;
  readonly instructions: readonly Instruction[];
}

export interface Stages {
  readonly escapeMark: string;
  readonly buildArguments: ReadonlyMap<string, string>;
  /** Arguments that every stage may ask for with ARG. */
  readonly global: ReadonlyMap<string, string>;
  readonly stages: readonly Stage[];
  readonly target: Stage;
  readonly growth: Growth;
}

const KEYWORDS = new Set([
  ...['ADD', 'ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'FROM', 'HEALTHCHECK', 'LABEL', 'MAINTAINER'],
  ...['ONBUILD', 'RUN', 'SHELL', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR'],
]);

export function stagesOf({ escapeMark, instructions }: Dockerfile, request: Request): Stages {
  const global = new Map(platformArguments(request));
  const growth = new Growth();
  const stages: Stage[] = [];
  let current: Instruction[] | undefined;
  for (const instruction of instructions) {
    at(instruction, () => {
      const { keyword } = instruction;
      if (!KEYWORDS.has(keyword)) throw new EngineError('unknown instruction', didYouMean('', keyword, [...KEYWORDS]));
      if (keyword === 'FROM') {
        current = [];
        stages.push(
          stageOf(instruction, { index: stages.length, global, growth, escapeMark, request, instructions: current }),
        );
      } else if (current !== undefined) current.push(instruction);
      else if (keyword !== 'ARG') throw new EngineError('only ARG may come before the first FROM');
      else
        for (const [name, value] of argumentsIn(instruction, { escapeMark, global, growth, request }))
          global.set(name, value);
    });
  }
  if (stages.length === 0) throw new EngineError('the file has no FROM');
  const target = request.target === '' ? stages.at(-1) : stageNamed(stages, request.target);
  if (target === undefined) {
    const names = stages.map(({ name }) => name).filter(Boolean);
    throw new EngineError(
      `stage ${request.target} not found`,
      names.length === 0 ? undefined : `the stages are ${names.join(', ')}`,
    );
  }
  global.set('TARGETSTAGE', request.buildArguments.get('TARGETSTAGE') ?? (request.target || 'default'));
  return { escapeMark, buildArguments: request.buildArguments, global, stages, target, growth };
}

/** What BuildKit says of the machine that builds and the one that is built for. */
function platformArguments({ platform, hostPlatform, buildArguments }: Request): [string, string][] {
  const facts = (['TARGET', 'BUILD'] as const).flatMap((kind): [string, string][] => {
    const whole = kind === 'TARGET' ? platform : hostPlatform;
    const [os = '', architecture = '', variant = ''] = whole.split('/');
    return [
      [`${kind}PLATFORM`, whole],
      [`${kind}OS`, os],
      [`${kind}OSVERSION`, ''],
      [`${kind}ARCH`, architecture],
      [`${kind}VARIANT`, variant],
    ];
  });
  return facts.map(([name, value]) => [name, buildArguments.get(name) ?? value]);
}

export interface Argument {
  readonly name: string;
  readonly value: string | undefined;
}

/** The names that an ARG declares, with their defaults as they are written. */
export function declared({ rest }: Instruction, escapeMark: string): Argument[] {
  const words = quotedWords(rest, escapeMark);
  if (words.length === 0) throw new EngineError('the name is missing');
  return words.map((word) => {
    const [, name = '', value] = /^([^=]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
    if (name === '') throw new EngineError('the name is missing');
    return { name, value };
  });
}

function* argumentsIn(
  instruction: Instruction,
  {
    escapeMark,
    global,
    growth,
    request: { buildArguments },
  }: Pick<Around, 'escapeMark' | 'global' | 'growth' | 'request'>,
): Generator<[string, string]> {
  for (const { name, value } of declared(instruction, escapeMark)) {
    const given = buildArguments.get(name);
    if (given !== undefined) yield [name, given];
    else if (value !== undefined)
      yield [name, expand(value, { escapeMark, growth, lookup: (other) => global.get(other) }).text];
  }
}

interface Around {
  readonly index: number;
  readonly global: ReadonlyMap<string, string>;
  readonly growth: Growth;
  readonly escapeMark: string;
  readonly request: Request;
  readonly instructions: readonly Instruction[];
}

function stageOf(from: Instruction, { index, global, growth, escapeMark, request, instructions }: Around): Stage {
  const expanded = (text: string) => expand(text, { escapeMark, growth, lookup: (name) => global.get(name) }).text;
  const [image = '', as, name = '', ...more] = from.rest.split(/\s+/);
  if (image === '') throw new EngineError('the image is missing');
  if ((as !== undefined && (as.toUpperCase() !== 'AS' || name === '')) || more.length > 0)
    throw new EngineError('write it as in FROM image AS name');
  if (name !== '' && !/^[a-z][a-z0-9-_.]*$/i.test(name))
    throw new EngineError(
      `${name} cannot be the name of a stage`,
      'begin with a letter, and use letters, digits, - _ .',
    );
  const base = expanded(image);
  if (base === '')
    throw new EngineError(`the image is empty: ${image} has no value`, 'give it one with ARG above FROM');
  const asked = flagsOf(from).text('platform');
  const platform = asked === undefined ? request.platform : expanded(asked);
  if (platform === '') throw new EngineError(`the platform is empty: ${asked} has no value`);
  return { index, name: name.toLowerCase(), base, platform: normalized(platform), from, instructions };
}

function stageNamed(stages: readonly Stage[], name: string): Stage | undefined {
  return (
    stages.findLast((stage) => stage.name === name.toLowerCase()) ?? (/^\d+$/.test(name) ? stages[+name] : undefined)
  );
}

/** The stage that `FROM`, `COPY --from` or a mount means with a name; undefined where it is an image. */
export function stageFor(
  stages: readonly Stage[],
  before: Stage,
  name: string,
  { byNumber = true } = {},
): Stage | undefined {
  const named = stages.slice(0, before.index).findLast((stage) => stage.name === name.toLowerCase());
  if (named !== undefined || !byNumber) return named;
  if (/^\d+$/.test(name)) {
    if (+name < before.index) return stages[+name];
    throw new EngineError(`stage ${name} not found`);
  }
  if (stageNamed(stages, name) !== undefined) throw new EngineError(`stage ${name} is defined later`);
  return undefined;
}

/** Does the work that an instruction asks for; faults are told with its line. */
export function at<T>({ line, keyword }: Pick<Instruction, 'line' | 'keyword'>, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw located(error, `line ${line}: ${keyword}`);
  }
}

/** The same fault, with its place before it. */
export function located(error: unknown, place: string): unknown {
  if (error instanceof DockerfileFault)
    return new EngineError(`${place}: ${error.message}`, undefined, { cause: error });
  return error instanceof EngineError ? error.located(place) : error;
}
