// What a Dockerfile starts from: its stages and the images that they name. An engine builds it; here is only read what has to be known beside that.

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
  const stages: DockerStage[] = [];
  const global: Record<string, string> = {};
  for (const { line, text: instruction } of instructionsOf(text)) {
    const [, keyword = '', rest = ''] = /^(\w+)\s+([\s\S]*)$/.exec(instruction) ?? [];
    const words = rest.split(/\s+/).filter((word) => word !== '');
    const [current] = stages.slice(-1);
    if (/^from$/i.test(keyword)) stages.push(stageOf(words, line, global));
    else if (current === undefined && /^arg$/i.test(keyword))
      for (const [name, value] of declared(words)) global[name] = args[name] ?? expanded(value, global);
    else if (/^(copy|add|run)$/i.test(keyword)) current?.copied.push(...sourcesIn(words));
  }
  return stages;
}

function stageOf(words: readonly string[], line: number, global: Arguments): DockerStage {
  const [from = '', as = '', name = ''] = words.filter((word) => !word.startsWith('--'));
  return { name: /^as$/i.test(as) ? name.toLowerCase() : '', from: expanded(from, global), copied: [], line };
}

const declared = (words: readonly string[]) =>
  words.map(
    (word) => [word.replace(/=.*/, ''), (/=(.*)/.exec(word)?.[1] ?? '').replace(/^(["'])(.*)\1$/, '$2')] as const,
  );

function expanded(text: string, values: Arguments): string {
  return text.replace(/\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})/g, (written, plain, braced, otherwise) => {
    const value = values[plain ?? braced];
    return value !== undefined && value !== '' ? value : (otherwise ?? written);
  });
}

/** `COPY --from=…` and `RUN --mount=…,from=…`. */
const sourcesIn = (words: readonly string[]) =>
  words.flatMap((word) => {
    const [, named] = /^--(?:from=|mount=(?:\S*,)?from=)["']?([^,"']+)/.exec(word) ?? [];
    return named === undefined ? [] : [named];
  });

/** Lines that are continued as one, without comments and what heredocs hold. */
function* instructionsOf(text: string): Generator<{ line: number; text: string }> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const mark = /^\s*#\s*escape\s*=\s*`/im.test(text.split(/\n\s*[^#\s]/, 1)[0] ?? '') ? /`[ \t]*$/ : /\\[ \t]*$/;
  for (let at = 0; at < lines.length; at += 1) {
    const first = at;
    let whole = '';
    for (; at < lines.length; at += 1) {
      const line = lines[at] ?? '';
      if (/^\s*(#|$)/.test(line) && (whole !== '' || at === first)) {
        if (whole === '') break;
        continue;
      }
      whole += `${line.replace(mark, '')} `;
      if (!mark.test(line)) break;
    }
    if (whole.trim() !== '') yield { line: first + 1, text: whole.trim() };
    for (const [, isTabbed, name] of /^(run|copy|add)\b/i.test(whole.trim()) ? whole.matchAll(HEREDOC) : []) {
      const isEnd = (line: string) => (isTabbed === '' ? line : line.replace(/^\t+/, '')) === name;
      const end = lines.findIndex((line, index) => index > at && isEnd(line));
      if (end > at) at = end;
    }
  }
}

const HEREDOC = /<<(-?)\s*["']?([A-Za-z_]\w*)["']?/g;

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
