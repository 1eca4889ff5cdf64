// Finds the current digest of the vulnerability database: registries are asked in turn, and the last answer is remembered for when nobody answers.
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDigest } from './digest.ts';
import { OciError, type OciErrorCode } from './errors.ts';
import { type Document, formatReference, type Reference, RegistryClient, type RegistryOptions } from './registry.ts';
import { databaseLayer } from './vuln-db-artifact.ts';

export type ResolvedDatabase = {
  /** The one of the references that the digest is of. */
  reference: string | null;
  /** Who answered: the registry, or the mirror that was asked in its place. */
  registry: string | null;
  digest: string | null;
  from: 'registry' | 'memory' | 'nowhere';
  /** Why no registry's answer could be had, and from when the one is that takes its place. */
  reason: string | null;
};

type Answer = { reference: string; registry: string; digest: string; at: string };

/** What may be otherwise elsewhere or another time; any other fault is an answer that is wrong in itself. */
export const NO_ANSWER: readonly OciErrorCode[] = [
  'UNREACHABLE',
  'NOT_FOUND',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'REGISTRY_ERROR',
  'INSECURE',
];

/** A run waits for this, and there is a memory to fall back to: nothing here is waited for long. */
const PATIENCE = { attempts: 3, maxWaitMs: 5000, reachMs: 1000, pace: { windowMs: 10_000 } } as const;

/** Who has not answered by then is not waited for alone. */
const SILENT_MS = 300;

export async function resolveDatabase(
  references: readonly Reference[],
  memory: string,
  options: RegistryOptions,
): Promise<ResolvedDatabase> {
  const refusals: string[] = [];
  const end = new AbortController();
  const begin = inTurn(references, { ...options, signal: end.signal });
  try {
    for (const [index, reference] of references.entries()) {
      const document = await begin(index);
      if (typeof document === 'string') {
        refusals.push(document);
        continue;
      }
      const { digest, host } = document;
      const answer = { reference: formatReference(reference), registry: host, digest, at: new Date().toISOString() };
      await remember(memory, answer);
      return { ...resolved(answer), from: 'registry', reason: null };
    }
  } finally {
    end.abort();
  }
  const known = await recall(memory, references.map(formatReference));
  const said = refusals.join('; ');
  if (known === undefined) {
    const reason = `no registry reported which database is current: ${said}`;
    return { reference: null, registry: null, digest: null, from: 'nowhere', reason };
  }
  const reason = `no registry answered: the database remembered from ${known.at} is used (${said})`;
  return { ...resolved(known), from: 'memory', reason };
}

const resolved = ({ reference, registry, digest }: Answer) => ({ reference, registry, digest });

/** Asks one of them; and the one after it too, once it has been silent for a moment: where none answers, all are waited for at once. */
function inTurn(references: readonly Reference[], options: RegistryOptions & { signal: AbortSignal }) {
  const asked: Promise<Document | string>[] = [];
  const begin = (index: number): Promise<Document | string> => {
    const [reference, known] = [references[index] as Reference, asked[index]];
    if (known !== undefined) return known;
    const asking = ask(reference, options);
    asked[index] = asking;
    const isLast = index === references.length - 1;
    const next = isLast ? undefined : setTimeout(() => options.signal.aborted || void begin(index + 1), SILENT_MS);
    asking.catch(() => {}).finally(() => clearTimeout(next));
    return asking;
  };
  return begin;
}

/** The manifest; or who did not give it and why, for a sentence. */
async function ask(reference: Reference, options: RegistryOptions): Promise<Document | string> {
  let again = 0;
  const wait = async (ms: number) => {
    options.signal?.throwIfAborted();
    again += 1;
    await (options.wait ?? sleep)(ms);
  };
  try {
    const document = await new RegistryClient({ ...PATIENCE, ...options, wait }).manifest(reference);
    databaseLayer(document, formatReference(reference));
    return document;
  } catch (error) {
    if (!(error instanceof OciError) || !NO_ANSWER.includes(error.code)) throw error;
    return again === 0 ? error.message : `${error.message} (asked again ${again === 1 ? 'once' : `${again} times`})`;
  }
}

// ---------------------------------------------------------------------------------------------------- memory

const fileOf = (memory: string, reference: string) => join(memory, `${encodeURIComponent(reference)}.json`);

/** Written aside: runs at the same time share the memory. */
async function remember(memory: string, answer: Answer): Promise<void> {
  await mkdir(memory, { recursive: true });
  const path = fileOf(memory, answer.reference);
  const aside = `${path}.${randomUUID()}.part`;
  await writeFile(aside, JSON.stringify(answer));
  await rename(aside, path);
}

const isTime = (value: unknown) =>
  typeof value === 'string' && new Date(Date.parse(value) || 0).toISOString() === value;

/** The latest answer to one of the references. What cannot be read is as good as forgotten. */
async function recall(memory: string, references: readonly string[]): Promise<Answer | undefined> {
  const answers = await Promise.all(
    references.map(async (reference) => {
      const text = await readFile(fileOf(memory, reference), 'utf8').catch(() => '');
      const answer = parseAnswer(text);
      return answer?.reference === reference ? [answer] : [];
    }),
  );
  return answers.flat().sort((a, b) => (a.at < b.at ? 1 : -1))[0];
}

function parseAnswer(text: string): Answer | undefined {
  try {
    const answer = JSON.parse(text) as Partial<Record<keyof Answer, unknown>>;
    const { reference, registry, digest, at } = answer;
    const isAnswer = [reference, registry].every((value) => typeof value === 'string') && isDigest(digest);
    return isAnswer && isTime(at) ? (answer as Answer) : undefined;
  } catch {
    return undefined;
  }
}
