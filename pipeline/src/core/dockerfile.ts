// What a Dockerfile starts from: its stages and the images that they name. An engine builds it; here is only read what has to be known beside that.
import { expand } from '../dockerfile/expand.ts';
import { DockerfileFault } from '../dockerfile/fault.ts';
import { quotedWords, readDockerfile } from '../dockerfile/read.ts';

export type DockerStage = {
  /** In small letters; empty for one without. */
  name: string;
  /** A stage before it, `scratch` or an image; what an argument without a value leaves has a `$` in it. */
  from: string;
  /** Stages and images that it copies from or mounts. */
  copied: string[];
  /** 1 for the first. */
  line: number;
};

type Arguments = Readonly<Record<string, string>>;

/** In their order; none of what is no Dockerfile. */
export function stagesOf(text: string, args: Arguments = {}): DockerStage[] {
  try {
    return readStages(text, args);
  } catch (error) {
    if (error instanceof DockerfileFault) return [];
    throw error;
  }
}

function readStages(text: string, args: Arguments): DockerStage[] {
  const { escapeMark, instructions } = readDockerfile(text);
  const stages: DockerStage[] = [];
  const global = new Map<string, string>();
  const expanded = (written: string) => expandKnown(written, escapeMark, global);
  for (const { keyword, flags, rest, line } of instructions) {
    const current = stages.at(-1);
    if (keyword === 'FROM') {
      const [from = '', as = '', name = ''] = rest.split(/\s+/);
      stages.push({ name: /^as$/i.test(as) ? name.toLowerCase() : '', from: expanded(from), copied: [], line });
    } else if (keyword === 'ARG' && current === undefined)
      for (const word of quotedWords(rest, escapeMark)) {
        const [, name = '', value = ''] = /^([^=]*)=?([\s\S]*)$/.exec(word) ?? [];
        global.set(name, args[name] ?? expanded(value));
      }
    else if (['COPY', 'ADD', 'RUN'].includes(keyword)) current?.copied.push(...flags.flatMap(sourceIn));
  }
  return stages;
}

/** What has no value here stays as it is written. */
function expandKnown(text: string, escapeMark: string, values: ReadonlyMap<string, string>): string {
  const known = expand(text, { escapeMark, lookup: (name) => values.get(name) || undefined, isRaw: true }).text;
  return /\$(\w|\{\w+\})/.test(known) ? known : expand(known, { escapeMark, lookup: () => undefined }).text;
}

/** `COPY --from=…` and `RUN --mount=…,from=…`. */
function sourceIn(flag: string): string[] {
  const [, named] = /^--(?:from=|mount=(?:\S*,)?from=)([^,]+)/.exec(flag) ?? [];
  return named === undefined ? [] : [named];
}

/** The stage that is built: the last, if none is named; undefined where there is none of that name. */
export function targetOf(stages: readonly DockerStage[], target: string): DockerStage | undefined {
  if (target === '') return stages.at(-1);
  return (
    stages.findLast(({ name }) => name === target.toLowerCase()) ?? (/^\d+$/.test(target) ? stages[+target] : undefined)
  );
}

/** The image that the built stage lies on; null for `scratch`, and where it cannot be told. */
export function baseOf(stages: readonly DockerStage[], target: string): string | null {
  const names = new Set<DockerStage>();
  for (let stage = targetOf(stages, target); stage !== undefined && !names.has(stage); ) {
    names.add(stage);
    const before = stageBefore(stages, stage, stage.from);
    if (before === undefined) return isImage(stage.from) ? stage.from : null;
    stage = before;
  }
  return null;
}

/** Every image that has a part in what is built. */
export function imagesOf(stages: readonly DockerStage[], target: string): string[] {
  const seen = new Set<DockerStage>();
  const images = new Set<string>();
  const visit = (stage: DockerStage | undefined) => {
    if (stage === undefined || seen.has(stage)) return;
    seen.add(stage);
    for (const name of [stage.from, ...stage.copied]) {
      const before = stageBefore(stages, stage, name, name !== stage.from);
      if (before !== undefined) visit(before);
      else if (isImage(name)) images.add(name);
    }
  };
  visit(targetOf(stages, target));
  return [...images];
}

const isImage = (name: string) => name !== 'scratch' && name !== '' && !name.includes('$');

function stageBefore(
  stages: readonly DockerStage[],
  stage: DockerStage,
  name: string,
  byNumber = false,
): DockerStage | undefined {
  const before = stages.slice(0, stages.indexOf(stage));
  const named = before.findLast((other) => other.name !== '' && other.name === name.toLowerCase());
  return named ?? (byNumber && /^\d+$/.test(name) ? before[+name] : undefined);
}

/** Whether a reference names an image by its content. */
export const isPinned = (image: string): boolean => /@sha256:[0-9a-f]{64}$/.test(image);
