// docs/functions.md: every function that both doors have, and every argument, as Dagger's own introspection finds them.
import type { scan } from '../../node_modules/@dagger.io/dagger/dist/src/module/introspector/index.js';
import { isFunction, type OptionName, optionInfo, optionsOf } from '../cli/functions.ts';
import { NEEDS } from '../src/core/stages.ts';

type Module = Awaited<ReturnType<typeof scan>>;
type Argument = Module['objects'][string]['methods'][string]['arguments'][string];

export const toOption = (argument: string) => argument.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export function renderFunctions(module: Module): string {
  const functions = Object.values(module.objects.Ci?.methods ?? {});
  const shared = Object.values(module.objects.Ci?._constructor?.arguments ?? {});
  const rows = (name: string, given: readonly Argument[]) =>
    table(
      ['argument', 'command line', 'Dagger', 'what it is', 'default'],
      given.map((argument) => argumentRow(name, argument)),
    );
  return [
    '# Functions',
    '',
    'The functions that the command line (`npx tsx pipeline/ci.ts FUNCTION`) and Dagger (`dagger call FUNCTION`) share; those named `check…` are for `dagger check`. For functions and options of the command line only, see `--help`. A test keeps this page current.',
    '',
    ...table(
      ['function', 'what it does', 'Dagger returns'],
      functions.map(({ name, description, returnType }) => [`\`${name}\``, description, typeName(returnType)]),
    ),
    '',
    'The tables below give each argument’s form on the command line and its Dagger type. The command line fills in what it has no option for.',
    '',
    'A stage begins when what it needs has passed; `install` comes before whatever runs commands of packages. `ci` takes part of them: `--only build`, `--skip scan`, `--from sbom`.',
    '',
    ...table(
      ['stage', 'needs'],
      Object.entries(NEEDS).map(([stage, needs]) => [`\`${stage}\``, needs.map((need) => `\`${need}\``).join(', ')]),
    ),
    '',
    '## all of them',
    '',
    'For Dagger these come before the function: `dagger call --strict ci`. From a module that is not of this repository, source and repository are given: `dagger call -m MODULE --source . --repo . ci`.',
    '',
    ...rows('ci', shared),
    '',
    ...functions
      .filter(({ arguments: given }) => Object.keys(given).length > 0)
      .flatMap(({ name, arguments: given }) => [`## ${name}`, '', ...rows(name, Object.values(given)), '']),
  ].join('\n');
}

const FILLED_IN: { value: string; taken?: string } = { value: 'filled in' };
/** What the command line takes otherwise than by an option. */
const WITHOUT: Record<string, typeof FILLED_IN> = { services: { value: 'words after the function' } };

function argumentRow(name: string, argument: Argument): string[] {
  const option = toOption(argument.name);
  const isOption = isFunction(name) && optionsOf(name).some((known) => known === option);
  const { value = 'switch', taken } = isOption ? optionInfo(option as OptionName) : (WITHOUT[option] ?? FILLED_IN);
  const { description, type, defaultValue, defaultPath } = argument;
  const ofBoth = defaultPath ?? (hasContent(defaultValue) ? [defaultValue].flat().join(', ') : '');
  const byDefault = taken === undefined ? ofBoth : `command line: ${taken}`;
  const cells = [`\`--${option}\``, value, typeName(type), description, byDefault];
  return cells.map((cell) => cell.replaceAll('|', '\\|'));
}

/** False, no text and an empty list say the same as nothing at all. */
const hasContent = (value: unknown) => value !== undefined && value !== false && String(value) !== '';

function typeName(type: Argument['type']): string {
  if (type === undefined) return '';
  if ('typeDef' in type) return `${typeName(type.typeDef as Argument['type'])}, repeatable`;
  if ('name' in type) return String(type.name);
  return type.kind.replace('_KIND', '').toLowerCase();
}

function table(head: readonly string[], rows: readonly string[][]): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[], fill = ' ') =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(' | ')} |`;
  return [
    line(head),
    line(
      head.map(() => ''),
      '-',
    ),
    ...rows.map((row) => line(row)),
  ];
}
