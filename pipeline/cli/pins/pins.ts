// `pins update`: looks for successors of every pin, tells what becomes of each, and writes what is due as one change.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EXIT, reasonOf } from '../../src/core/errors.ts';
import { COOL_DOWN_DAYS, type Decision } from '../../src/core/pins/decide.ts';
import { moveActions, moveImages, movePackages } from '../../src/core/pins/rewrite.ts';
import { asLines } from '../../src/core/safe-text.ts';
import { dockerCredentials, isLoopback, parseMirrors, RegistryClient } from '../../src/oci/registry.ts';
import type { PinsInvocation } from '../arguments.ts';
import { readDockerConfig } from '../docker-config.ts';
import { overwrite } from '../plain-files.ts';
import type { Terminal } from '../terminal.ts';
import { askGitHub, askNpm, askRegistry, type GitHub } from './ask.ts';
import { type Inventory, takeInventory } from './inventory.ts';
import { renewLock } from './npm.ts';

/** What belongs together moves together, and not by itself. */
const HELD: Readonly<Record<string, string>> = {
  engine: 'moves by hand with @dagger.io/dagger, dagger.json and .github/install-dagger',
  '@dagger.io/dagger': 'moves by hand with the engine',
};

type Asked<P> = { pin: P; title: string; answer: Decision | { notEvaluated: string } };

export async function updatePins(
  { options }: PinsInvocation,
  root: string,
  terminal: Terminal,
  now: Date = new Date(),
  inventory: Inventory = takeInventory(root),
): Promise<number> {
  const progress = progressOn(terminal);
  const asking = askAll(inventory, options, now, progress.asked);
  const answers = await Promise.race([asking, terminal.interrupted]).finally(progress.close);
  const all = [...answers.images, ...answers.actions, ...answers.packages];
  terminal.out.write(asLines([...inOrder(all.flatMap(describe)), ...describeUnknown(all)]));
  const due = all.filter((asked) => dueOf(asked) !== null).length;
  const unknown = all.filter(({ answer }) => 'notEvaluated' in answer).length;
  terminal.out.write(`${all.length} pins: ${due} due, ${unknown} not evaluated\n`);
  if (due > 0 && !options.check) {
    for (const path of await writeMoves(root, inventory, answers)) terminal.out.write(`wrote ${path}\n`);
    terminal.out.write('next: npm test; where an image has a substitute, move that too (CONTRIBUTING.md)\n');
  }
  return (options.check && due > 0) || (options.strict && unknown > 0) ? EXIT.failed : EXIT.ok;
}

const isEncrypted = ({ protocol, host }: URL) => protocol === 'https:' || isLoopback(host);

type Answers = {
  images: Asked<Inventory['images'][number]>[];
  actions: Asked<Inventory['actions'][number]>[];
  packages: Asked<Inventory['packages'][number]>[];
};

/** How many pins have been asked for, on a terminal, until all have. */
function progressOn({ err }: Terminal): { asked: (count: number, of: number) => void; close: () => void } {
  let isClosed = !err.isTerminal;
  const show = (text: string) => (isClosed ? undefined : err.control(`\r${text}\u001b[K`));
  const close = () => {
    show('');
    isClosed = true;
  };
  return { asked: (count, of) => show(`asked for ${count} of ${of} pins`), close };
}

async function askAll(
  inventory: Inventory,
  options: PinsInvocation['options'],
  now: Date,
  onAsked: (count: number, of: number) => void,
): Promise<Answers> {
  const total = inventory.images.length + inventory.actions.length + inventory.packages.length;
  let count = 0;
  const config = readDockerConfig(process.env);
  const client = new RegistryClient({
    mirrors: parseMirrors(options.mirrors),
    credentials: (registry) => (config === null ? undefined : dockerCredentials(config, registry)),
    attempts: 2,
    reachMs: 5000,
  });
  const { GITHUB_API_URL = 'https://api.github.com', GITHUB_TOKEN = '' } = process.env;
  // A token that was not asked for goes over no wire in clear.
  const isSafe = URL.canParse(GITHUB_API_URL) && isEncrypted(new URL(GITHUB_API_URL));
  const github: GitHub = { api: GITHUB_API_URL, token: isSafe ? GITHUB_TOKEN : '' };
  const ask = async <P>(pins: readonly P[], titleOf: (pin: P) => string, question: (pin: P) => Promise<Decision>) =>
    await inTurns(pins, async (pin): Promise<Asked<P>> => {
      if (options.offline) return { pin, title: titleOf(pin), answer: { notEvaluated: 'skipped (--offline)' } };
      const answer = await question(pin).catch((error: unknown) => ({ notEvaluated: whyNot(error) }));
      count += 1;
      onAsked(count, total);
      return { pin, title: titleOf(pin), answer };
    });
  const [images, actions, packages] = await Promise.all([
    ask(
      inventory.images,
      ({ name, image }) => `image ${name} ${image.split(':').at(-1)}`,
      (pin) => askRegistry(client, pin, now),
    ),
    ask(
      inventory.actions,
      ({ repository, version }) => `action ${repository} ${version}`,
      (pin) => askGitHub(github, pin, now),
    ),
    ask(
      inventory.packages,
      ({ name, version }) => `package ${name} ${version}`,
      (pin) => askNpm(pin, now),
    ),
  ]);
  return { images, actions, packages };
}

const AT_ONCE = 4;

/** A few at a time, answers in the order of the questions. */
async function inTurns<P, A>(pins: readonly P[], work: (pin: P) => Promise<A>): Promise<A[]> {
  const answers: A[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let index = next++; index < pins.length; index = next++) answers[index] = await work(pins[index] as P);
    }),
  );
  return answers;
}

// ------------------------------------------------------------------------------------------------------- telling

function heldOf(pin: { name?: string }): string | undefined {
  return pin.name === undefined ? undefined : HELD[pin.name];
}

function dueOf({ pin, answer }: Asked<object>): Decision['due'] {
  return 'notEvaluated' in answer || heldOf(pin) !== undefined ? null : answer.due;
}

/** What has to be acted on first. */
const ORDER = ['MOVED', 'due', 'undated', 'major', 'waits', 'held', 'ok'];
const urgency = (line: string) => ORDER.indexOf(line.split(' ')[0] ?? '');
const inOrder = (lines: readonly string[]) => [...lines].sort((a, b) => urgency(a) - urgency(b));

const MOST_NAMED = 3;

/** A line for each reason, whatever the number of pins that it holds for. */
function describeUnknown(all: readonly Asked<object>[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { title, answer } of all)
    if ('notEvaluated' in answer)
      reasons.set(answer.notEvaluated, [...(reasons.get(answer.notEvaluated) ?? []), title]);
  return [...reasons].map(([reason, titles]) => {
    const left = titles.length - MOST_NAMED;
    const named = [...titles.slice(0, MOST_NAMED), ...(left > 0 ? [`${left} more`] : [])].join(', ');
    return `NOT EVALUATED  ${named}: ${reason}`;
  });
}

/** One line for a pin, and one for each thing that a person should know besides. */
function describe({ pin, title, answer }: Asked<object>): string[] {
  if ('notEvaluated' in answer) return [];
  const { due, waiting, undated, major, moved } = answer;
  const held = heldOf(pin);
  const lines: string[] = [];
  if (due !== null) {
    const to = title.endsWith(` ${due.version}`) ? `rebuilt as ${due.identity}` : due.version;
    lines.push(
      `${held === undefined ? 'due' : 'held'}  ${title} -> ${to}, ${due.ageDays} days old${held === undefined ? '' : `; ${held}`}`,
    );
  }
  if (moved !== null) lines.push(`MOVED  ${title} is ${moved} now: a tag that should never move; find out why`);
  if (waiting !== null)
    lines.push(`waits  ${title}: ${waiting.version} is younger than ${COOL_DOWN_DAYS} days until ${waiting.until}`);
  if (undated !== null) lines.push(`undated  ${title}: the age of ${undated} is unknown; update it by hand`);
  if (major !== null) lines.push(`major  ${title}: ${major} is there; move it by hand`);
  return lines.length === 0 ? [`ok  ${title}`] : lines;
}

/** fetch says only that it failed; why stands in its cause. */
function whyNot(error: unknown): string {
  const cause = error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
  return reasonOf(cause).split('\n')[0] ?? '';
}

// ------------------------------------------------------------------------------------------------------- writing

/** Writes every file that changes, and renews the lock files beside the manifests. Returns what was written. */
async function writeMoves(root: string, { files }: Inventory, answers: Answers): Promise<string[]> {
  const images = answers.images.flatMap((asked) => {
    const due = dueOf(asked);
    const { image, digest } = asked.pin;
    return due === null
      ? []
      : [{ image, digest, to: { image: image.replace(/:[^:]+$/, `:${due.version}`), digest: due.identity } }];
  });
  const actions = answers.actions.flatMap((asked) => {
    const due = dueOf(asked);
    return due === null ? [] : [{ ...asked.pin, to: { version: due.version, commit: due.identity } }];
  });
  const packages = answers.packages.flatMap((asked) => {
    const due = dueOf(asked);
    return due === null ? [] : [{ ...asked.pin, to: { version: due.version } }];
  });
  const changed = [
    ...change(root, files.images, (text) => moveImages(text, images)),
    ...change(root, files.actions, (text) => moveActions(text, actions)),
  ];
  const manifests = change(root, files.packages, (text) => movePackages(text, packages));
  for (const path of manifests) await renewLock(join(root, dirname(path)));
  const locks = manifests.map((path) => join(dirname(path), 'package-lock.json'));
  return [...new Set([...changed, ...manifests, ...locks])].sort();
}

function change(root: string, paths: readonly string[], edit: (text: string) => string): string[] {
  return paths.filter((path) => {
    const before = readFileSync(join(root, path), 'utf8');
    const after = edit(before);
    if (after === before) return false;
    overwrite(root, path, after);
    return true;
  });
}
