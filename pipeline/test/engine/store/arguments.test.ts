// The words of the embedded engine's command line.
import { expect, test } from 'vitest';
import { parseCommand } from '../../../engine/commands/arguments.ts';

const right: [line: string, command: ReturnType<typeof parseCommand>][] = [
  ['session', { name: 'session', workdir: '.' }],
  ['session --workdir /src', { name: 'session', workdir: '/src' }],
  // As the SDK calls it.
  ['session --workdir /src --project p --label a:b --label c:d', { name: 'session', workdir: '/src' }],
  ['session --label=a:b --load-workspace-modules', { name: 'session', workdir: '.' }],
  ['du', { name: 'du', json: false }],
  ['du --json', { name: 'du', json: true }],
  ['gc', { name: 'gc', all: false }],
  ['gc --all', { name: 'gc', all: true }],
  ['gc --keep 5GB', { name: 'gc', all: false, keep: 5e9 }],
  ['gc --verify', { name: 'gc', all: false, verify: true }],
  ['gc --verify --keep 1GB', { name: 'gc', all: false, keep: 1e9, verify: true }],
  ['gc --keep=0', { name: 'gc', all: false, keep: 0 }],
  ['sweep', { name: 'sweep' }],
  ['probe', { name: 'probe' }],
  ['--help', { name: 'help' }],
  ['gc --help', { name: 'help' }],
  ['--version', { name: 'version' }],
];
for (const [line, command] of right) test(line, () => expect(parseCommand(line.split(' '))).toEqual(command));

const wrong: [line: string, said: string][] = [
  ['', 'no command was given; one of session, du, gc, sweep, probe, tools; see --help'],
  ['swep', 'unknown command: swep; did you mean sweep?'],
  ['constructor', 'unknown command: constructor; see --help'],
  ['du --jsn', 'unknown word after du: --jsn; did you mean --json?'],
  ['du gc', 'unknown word after du: gc; see --help'],
  ['du --json=yes', '--json takes no value; write --json alone'],
  ['gc --keep', '--keep needs a value; write --keep SIZE'],
  ['gc --keep=', '--keep needs a value; write --keep SIZE'],
  ['gc --keep all', '--keep is not a size: all; write it as 20GB, 500MB or a number of bytes'],
  ['gc --all --verify', '--verify and --all exclude each other; give one of them'],
  ['gc --verify=yes', '--verify takes no value; write --verify alone'],
  ['gc --keep 5GB --all', '--keep and --all exclude each other; give one of them'],
  ['session --workdri /src', 'unknown word after session: --workdri; did you mean --workdir?'],
];
for (const [line, said] of wrong)
  test(`wrong: ${line}`, () => expect(() => parseCommand(line === '' ? [] : line.split(' '))).toThrow(said));
