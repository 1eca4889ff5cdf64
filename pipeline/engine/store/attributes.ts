// Extended attributes of a layer's files, which Node cannot read and GNU tar can: what overlayfs hides by, what programs may do by.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { readTar } from '../../src/oci/tar.ts';

/** Says nothing of what a layer holds: overlayfs's own notes, and labels that are the host's. */
const NO_MATTER =
  /^(?:(?:trusted|user)\.overlay\.(?:origin|impure|uuid|nlink|protattr|upper|index)$|security\.(?:selinux|ima|evm)$|system\.)/;

/** A hash of the attributes of each place that has any; undefined where tar is not GNU's. */
export async function readAttributes(root: string): Promise<ReadonlyMap<string, string> | undefined> {
  // Into /dev/null tar reads no content, and names the attributes of each entry in lines below it.
  const listing = run(root, ['--file=/dev/null', '-vvv', '--quoting-style=c', '--sort=name', '.']);
  const [listed, code] = await Promise.all([text(listing.stdout), listing.ended]);
  if (code !== 0) return undefined;
  const places = placesIn(listed);
  return places.length === 0 ? new Map() : valuesOf(root, places);
}

function placesIn(listed: string): string[] {
  const places = new Set<string>();
  let place = '';
  for (const line of listed.split('\n')) {
    const [, attribute] = /^ {2}x: \d+ (.*)$/.exec(line) ?? [];
    if (attribute === undefined) place = /^[^"]*"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? place;
    else if (!NO_MATTER.test(attribute)) places.add(unquoted(place).replace(/^\.\/?|\/$/g, ''));
  }
  return [...places];
}

const ESCAPES: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** Each character is a byte, as everywhere in a manifest. */
const unquoted = (name: string) =>
  name.replace(/\\([0-7]{3}|.)/g, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (ESCAPES[code] ?? code),
  );

async function valuesOf(root: string, places: readonly string[]): Promise<Map<string, string>> {
  const tar = run(root, ['--no-recursion', '--null', '--verbatim-files-from', '--files-from=-'], 'pipe');
  tar.stdin?.end(Buffer.from(places.map((place) => `./${place}\0`).join(''), 'latin1'));
  const values = new Map<string, string>();
  let index = 0;
  for await (const { xattrs } of readTar(tar.stdout)) {
    const own = [...xattrs].filter(([name]) => !NO_MATTER.test(name)).sort(([a], [b]) => (a < b ? -1 : 1));
    const hash = createHash('sha256').update(JSON.stringify(own.map(([name, value]) => [name, value.toString('hex')])));
    values.set(places[index++] as string, hash.digest('hex').slice(0, 32));
  }
  await tar.ended;
  return values;
}

function run(root: string, args: readonly string[], stdin: 'pipe' | 'ignore' = 'ignore') {
  const options = ['--create', '--format=posix', '--xattrs', '--xattrs-include=*', '--no-acls', '--no-selinux'];
  const tar = spawn('tar', [...options, '-C', root, ...args], {
    stdio: [stdin, 'pipe', 'ignore'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  const ended = once(tar, 'close').then(
    ([code]) => code as number,
    () => 127,
  );
  return { stdin: tar.stdin, stdout: tar.stdout as NonNullable<typeof tar.stdout>, ended };
}
