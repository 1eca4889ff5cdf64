// Help and completion: everything that can be typed is in them, it fits, and bash does complete it.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseInvocation } from '../../cli/arguments.ts';
import {
  COMMON_OPTIONS,
  FUNCTION_NAMES,
  FUNCTIONS,
  type FunctionName,
  isFunction,
  OPTIONS,
  optionsOf,
} from '../../cli/functions.ts';
import { renderCompletion, renderHelp } from '../../cli/help.ts';
import { temporaryFolder, words } from './make.ts';

const OPTION_NAMES = Object.keys(OPTIONS);
/** The options that have a line in a help, in its order. */
const listed = (help: string) => [...help.matchAll(/^ {2}--([\w-]+)/gm)].map(([, name]) => name);

test('the help names every function, with what it does', () => {
  for (const name of FUNCTION_NAMES) {
    expect(renderHelp(null)).toMatch(
      new RegExp(`^  ${name} +${FUNCTIONS[name].summary.replace(/[()]/g, '\\$&')}$`, 'm'),
    );
  }
});

test('the help lists what most functions take, and every option is in some help', () => {
  expect(listed(renderHelp(null))).toEqual(COMMON_OPTIONS);
  const all = FUNCTION_NAMES.flatMap((name) => listed(renderHelp(name)));
  expect([...new Set(all)].sort()).toEqual([...OPTION_NAMES].sort());
});

for (const name of FUNCTION_NAMES) {
  test(`the help of ${name} lists its options, and no other`, () => {
    expect(listed(renderHelp(name))).toEqual(optionsOf(name));
    expect(new Set(optionsOf(name)).size).toBe(optionsOf(name).length);
  });

  test(`the example of ${name} is a command line of it`, () => {
    const { example } = FUNCTIONS[name];
    expect(renderHelp(name)).toContain(`Example: npx tsx pipeline/ci.ts ${example}\n`);
    expect(example.split(' ')[0]).toBe(name);
    expect(() => parseInvocation(words(example))).not.toThrow();
  });
}

for (const of of [null, ...FUNCTION_NAMES]) {
  test(`the help ${of === null ? '' : `of ${of} `}fits a screen, and ends its last line`, () => {
    const help = renderHelp(of);
    for (const line of help.split('\n')) expect(line.length, line).toBeLessThanOrEqual(110);
    expect(help.split('\n').length).toBeLessThanOrEqual(60);
    expect(help).toMatch(/[^\n]\n$/);
    expect(help).toContain('Exit code: 0 succeeded · 1 a stage failed · 2');
  });
}

test('the help of images tells its own words', () => {
  expect(renderHelp('images')).toContain('Usage: npx tsx pipeline/ci.ts images [NAME…] [options]');
});

const defaults: [line: string, option: keyof typeof OPTIONS, value: string][] = [
  ['ci', 'output', 'out'],
  ['images', 'output', 'images'],
  ['ci', 'platforms', 'linux/amd64'],
  ['ci', 'engine', 'auto'],
  ['ci', 'progress', 'auto'],
];
for (const [line, option, value] of defaults) {
  test(`the default of ${line} --${option} is what its help says`, () => {
    expect(JSON.stringify(parseInvocation([line]))).toContain(JSON.stringify(value));
    const told =
      renderHelp(line as FunctionName)
        .split('\n')
        .find((text) => text.startsWith(`  --${option} `)) ?? '';
    expect(told).toMatch(new RegExp(`\\(.*\\b${value}\\b.*\\)$`));
  });
}

const names: [name: string, known: boolean][] = [
  ['ci', true],
  ['completion', true],
  ['', false],
  ['help', false],
  ['toString', false],
];
for (const [name, known] of names) {
  test(`${JSON.stringify(name)} is ${known ? 'a' : 'no'} function`, () => expect(isFunction(name)).toBe(known));
}

// ---------------------------------------------------------------------------------------------------- completion

const bash = (script: string, cwd?: string) =>
  execFileSync('bash', ['--norc', '--noprofile', '-c', script], { encoding: 'utf8', stdio: 'pipe', cwd });

test('the bash script is valid', () => {
  expect(() => execFileSync('bash', ['-n'], { input: renderCompletion('bash'), stdio: 'pipe' })).not.toThrow();
});

/** What bash offers behind this line: the script is loaded, and called as bash calls it. */
function complete(line: string, cwd?: string): string[] {
  const typed = line.split(' ');
  const quoted = (word: string) => `'${word}'`;
  return bash(
    [
      renderCompletion('bash'),
      `COMP_LINE=${quoted(line)} COMP_POINT=${line.length}`,
      `COMP_WORDS=(${typed.map(quoted).join(' ')}) COMP_CWORD=${typed.length - 1}`,
      // As registered, not as we think it is called.
      'handler=$(complete -p drydock | sed "s/.*-F \\([^ ]*\\).*/\\1/")',
      `"$handler" drydock ${quoted(typed.at(-1) ?? '')} ${quoted(typed.at(-2) ?? '')}`,
      `printf '%s\\n' "$\{COMPREPLY[@]}"`,
    ].join('\n'),
    cwd,
  )
    .split('\n')
    .filter((word) => word !== '');
}

const long = (name: FunctionName) => optionsOf(name).map((option) => `--${option}`);
const completions: [line: string, offered: string[]][] = [
  ['drydock ', [...FUNCTION_NAMES, ...long('ci')]],
  ['drydock l', ['lint']],
  ['drydock c', ['ci', 'cd', 'capsule', 'check', 'completion']],
  ['drydock lint', ['lint']], // typed to its end: the space behind it is still to be had
  ['drydock x', []],
  ['drydock --o', ['--only', '--offline', '--output']],
  ['drydock lint ', long('lint')],
  ['drydock lint --p', ['--progress']],
  ['drydock build --p', ['--platforms', '--progress']],
  ['drydock images --p', ['--platforms']],
  ['drydock lint --json --st', ['--step-timeout', '--strict']],
  ['drydock --json --st', ['--step-timeout', '--strict']],
  ['drydock --engine ', ['auto', 'dagger', 'embedded']],
  ['drydock lint --engine e', ['embedded']],
  ['drydock lint --progress ', ['auto', 'tty', 'plain']],
  ['drydock completion ', ['bash', 'zsh', 'fish', ...long('completion')]],
  ['drydock completion z', ['zsh']],
  ['drydock images n', ['node', 'nginx']],
  ['drydock images node r', ['runtime', 'registry']],
];
for (const [line, offered] of completions) {
  test(`bash completes ${JSON.stringify(line)}`, () => expect(complete(line)).toEqual(offered));
}

test('bash completes folders where a folder is meant', () => {
  const folder = temporaryFolder();
  for (const name of ['out', 'other', 'images']) mkdirSync(join(folder, name));
  expect(complete('drydock lint --output o', folder).sort()).toEqual(['other', 'out']);
  expect(complete('drydock --images i', folder)).toEqual(['images']);
});

test('what bash is told to load is what loads it', () => {
  expect(renderCompletion('bash')).toMatch(/^# Use: eval "\$\(npx tsx pipeline\/ci\.ts completion bash\)"/);
  expect(bash(`shopt -s expand_aliases; ${renderCompletion('bash')}\nalias drydock`)).toContain(
    'npx tsx pipeline/ci.ts',
  );
});

test('the zsh script names every function and every option', () => {
  const script = renderCompletion('zsh');
  for (const name of FUNCTION_NAMES) expect(script).toContain(`    '${name}:`);
  for (const name of OPTION_NAMES) expect(script).toMatch(new RegExp(`^    '--${name}\\[[^\\]':]+\\].*'$`, 'm'));
});

const hasZsh = (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, 'zsh')));
test.skipIf(!hasZsh)('the zsh script is valid (where there is a zsh)', () => {
  expect(() => execFileSync('zsh', ['-n'], { input: renderCompletion('zsh'), stdio: 'pipe' })).not.toThrow();
});

test('the fish script knows every function, and every option of it', () => {
  const script = renderCompletion('fish');
  for (const name of FUNCTION_NAMES) expect(script).toContain(` -a ${name} -d `);
  for (const option of OPTION_NAMES) expect(script).toMatch(new RegExp(` -l ${option}( |$)`, 'm'));
});

/** Not on many machines. */
const hasFish = spawnSync('fish', ['--version']).status === 0;
const fishCompletions: [line: string, offered: string[]][] = [
  ['drydock l', ['lint']],
  ['drydock --o', ['--offline', '--only', '--output']],
  ['drydock lint --p', ['--progress']],
  ['drydock build --p', ['--platforms', '--progress']],
  ['drydock lint --engine ', ['auto', 'dagger', 'embedded']],
  ['drydock lint --progress=t', ['--progress=tty']],
  ['drydock images n', ['nginx', 'node']],
  ['drydock completion f', ['fish']],
];
for (const [line, offered] of fishCompletions)
  test.runIf(hasFish)(`fish completes ${JSON.stringify(line)}`, () => {
    const script = `${renderCompletion('fish')}\ncomplete -C ${JSON.stringify(line)}`;
    const found = execFileSync('fish', ['--no-config', '-c', script], {
      encoding: 'utf8',
      env: { ...process.env, HOME: temporaryFolder() },
    });
    const words = found.split('\n').flatMap((row) => row.split('\t')[0] || []);
    expect(words.sort()).toEqual([...offered].sort());
  });
