// Help and completion, written from the table of functions.
import { COMMAND } from '../src/command.ts';
import { PIN_NAMES } from '../src/pins.ts';
import { SHELLS, type Shell } from './arguments.ts';
import {
  COMMON_OPTIONS,
  FUNCTION_NAMES,
  FUNCTIONS,
  type FunctionName,
  OPTIONS,
  type OptionName,
  optionInfo,
  optionsOf,
} from './functions.ts';

const EXIT_CODES = 'Exit code: 0 succeeded · 1 a stage failed · 2 usage error · 3 cannot run here · 130 interrupted';

/** Help for the whole, or for one function. Fits a screen. */
export function renderHelp(of: FunctionName | null): string {
  return of === null ? general() : forFunction(of);
}

function general(): string {
  const functions = FUNCTION_NAMES.map((name) => [name, FUNCTIONS[name].summary] as const);
  return [
    'Lint, test, build, scan and gate this repository in real containers, the same here as in CI.',
    '',
    `Usage: ${COMMAND} [function] [options]`,
    '',
    'Functions:',
    ...columns(functions),
    '',
    'Options:',
    ...columns(COMMON_OPTIONS.map((option) => describeOption(option))),
    '',
    `More options, and an example: ${COMMAND} FUNCTION --help`,
    EXIT_CODES,
    '',
  ].join('\n');
}

function forFunction(name: FunctionName): string {
  const { summary, operands = '', example } = FUNCTIONS[name];
  const words = operands.startsWith('--') ? [name, '[options]', operands] : [name, operands, '[options]'];
  return [
    `${name}: ${summary}`,
    '',
    `Usage: ${COMMAND} ${words.filter(Boolean).join(' ')}`,
    '',
    'Options:',
    ...columns(optionsOf(name).map((option) => describeOption(option, FUNCTIONS[name].says?.[option]))),
    '',
    `Example: ${COMMAND} ${example}`,
    EXIT_CODES,
    '',
  ].join('\n');
}

function describeOption(name: OptionName, says?: string): readonly [string, string] {
  const { value, summary: usual, taken, repeatable } = optionInfo(name);
  const summary = says ?? usual;
  const said = `${summary}${taken === undefined ? '' : ` (default ${taken})`}${repeatable ? '; repeatable' : ''}`;
  return [`--${name}${value === undefined ? '' : ` ${value}`}`, said];
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

/** A script for the shell. It completes after `ci.ts`, however that is called, through an alias named drydock. */
export function renderCompletion(shell: Shell): string {
  return { bash, zsh, fish }[shell]();
}

const USE = `alias drydock='${COMMAND}'`;

/** What can stand behind a function's name. */
const OPERANDS: Partial<Record<FunctionName, readonly string[]>> = {
  images: PIN_NAMES,
  pins: ['update'],
  add: ['platform'],
  shell: ['lint', 'test', 'build', 'sbom', 'scan', 'smoke'],
  watch: ['ci', 'lint', 'test', 'build', 'sbom', 'scan', 'gate', 'smoke'],
  completion: SHELLS,
};

function bash(): string {
  const cases = FUNCTION_NAMES.map((name) => {
    const words = [...(OPERANDS[name] ?? []), optionWords(name)].join(' ');
    return `    ${name}) words="${words}" ;;`;
  });
  return [
    `# Use: eval "$(${COMMAND} completion bash)"; then type: drydock <TAB>`,
    USE,
    '_drydock() {',
    '  local word="$2" previous="$3" words function',
    '  read -r _ function _ <<< "$COMP_LINE"',
    // Still being typed: the function's own name is what is looked for.
    '  [ "$COMP_CWORD" -gt 1 ] || function=',
    '  case "$previous" in',
    ...choiceOptions().map(
      ([name, choices]) => `    --${name}) COMPREPLY=($(compgen -W "${choices.join(' ')}" -- "$word")); return ;;`,
    ),
    '    --output|--images) COMPREPLY=($(compgen -d -- "$word")); return ;;',
    '  esac',
    '  case "$function" in',
    ...cases,
    `    *) words="${FUNCTION_NAMES.join(' ')} ${optionWords('ci')}" ;;`,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    '}',
    // Where nothing of ours fits, files do.
    'complete -o default -F _drydock drydock',
    '',
  ].join('\n');
}

function zsh(): string {
  const functions = FUNCTION_NAMES.map((name) => `    '${name}:${FUNCTIONS[name].summary.replace(/[':]/g, '')}'`);
  const options = (Object.keys(OPTIONS) as OptionName[]).map((name) => {
    const { value, choices, summary } = optionInfo(name);
    const action =
      choices === undefined
        ? value === 'DIR'
          ? ':folder:_files -/'
          : value === undefined
            ? ''
            : ':value:'
        : `:choice:(${choices.join(' ')})`;
    return `    '--${name}[${summary.replace(/[[\]':]/g, '')}]${action}'`;
  });
  return [
    `# Use: eval "$(${COMMAND} completion zsh)"; then type: drydock <TAB>`,
    USE,
    '_drydock() {',
    '  local -a functions options',
    '  functions=(',
    ...functions,
    '  )',
    '  options=(',
    ...options,
    '  )',
    '  _arguments -s "1:function:{_describe function functions}" $options',
    '}',
    'compdef _drydock drydock',
    '',
  ].join('\n');
}

/** What stands behind a function's name is offered there alone; before one is named, options are those of `ci`. */
function fish(): string {
  const quote = (text: string) => `'${text.replace(/['\\]/g, '\\$&')}'`;
  const offer = (condition: string, rest: string) => `complete -c drydock -f -n ${quote(condition)} ${rest}`;
  const none = '__fish_use_subcommand';
  const functions = FUNCTION_NAMES.map((name) => offer(none, `-a ${name} -d ${quote(FUNCTIONS[name].summary)}`));
  const operands = Object.entries(OPERANDS).map(([name, all]) =>
    offer(`__fish_seen_subcommand_from ${name}`, `-a ${quote(all.join(' '))}`),
  );
  const options = (Object.keys(OPTIONS) as OptionName[]).map((option) => {
    const { value, choices, summary } = optionInfo(option);
    const names = FUNCTION_NAMES.filter((name) => optionsOf(name).includes(option));
    const isOfDefault = optionsOf('ci').includes(option);
    const condition = `${isOfDefault ? `${none}; or ` : ''}__fish_seen_subcommand_from ${names.join(' ')}`;
    const argument = choices !== undefined ? ` -xa ${quote(choices.join(' '))}` : value === undefined ? '' : ' -r';
    const files = value === 'DIR' ? " -xa '(__fish_complete_directories)'" : argument;
    return `complete -c drydock -n ${quote(condition)} -l ${option}${files} -d ${quote(summary)}`;
  });
  return [
    `# Use: ${COMMAND} completion fish | source; then type: drydock <TAB>`,
    // An alias of fish would complete as npx does.
    `function drydock; ${COMMAND} $argv; end`,
    'complete -c drydock -e',
    ...functions,
    ...operands,
    ...options,
    '',
  ].join('\n');
}

function optionWords(name: FunctionName): string {
  return optionsOf(name)
    .map((option) => `--${option}`)
    .join(' ');
}

function choiceOptions(): [string, readonly string[]][] {
  return (Object.keys(OPTIONS) as OptionName[]).flatMap((name): [string, readonly string[]][] => {
    const { choices } = optionInfo(name);
    return choices === undefined ? [] : [[name, choices]];
  });
}
