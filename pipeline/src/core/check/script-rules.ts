// Rules about what a package runs: the scripts that commands name, and the entry that its image starts.
import { posix } from 'node:path';
import { quoted } from '../../command.ts';
import { nearest } from '../../suggest.ts';
import { PipelineError } from '../errors.ts';
import type { AskedStage } from '../model.ts';
import { parseServiceManifest } from '../service.ts';
import { SUBJECT_FILE } from '../subject.ts';
import { entryOf } from './entry.ts';
import type { RepositoryFacts } from './facts.ts';
import { blocked, type Finding, lineAt, lineOfKey, note } from './finding.ts';
import { type PackageView, scriptsOf } from './package-view.ts';

const STAGE_OF: Readonly<Record<string, AskedStage>> = { lint: 'lint', types: 'lint', test: 'test', build: 'build' };

export function missingScripts(view: PackageView, { subjectText }: RepositoryFacts): Finding[] {
  const { commands, at, isReadable } = view;
  if (!isReadable || subjectText === null) return [];
  const known = Object.keys(scriptsOf(view));
  return commands.flatMap(({ key, command }) =>
    scriptsIn(command)
      .filter((name) => !known.includes(name))
      .map((name) => {
        const near = nearest(name, known);
        const problem = `${SUBJECT_FILE} runs \`${command}\` as ${key}, and ${at('package.json')} has no script ${name}`;
        const hint =
          near === undefined
            ? `add one: npm pkg set scripts.${name}=COMMAND${prefix(view)}`
            : `did you mean ${near}? npm run ${near}`;
        return blocked('BAD_SUBJECT', {
          file: SUBJECT_FILE,
          line: lineAt(subjectText, subjectText.indexOf(command)),
          stage: STAGE_OF[key] ?? null,
          problem,
          hint,
        });
      }),
  );
}

/** Of a chain of plain commands, whose failure is the chain's. Whatever else a shell may do is not looked into. */
function scriptsIn(command: string): string[] {
  if (/[;|\n`$()]|(^|[^&])&([^&]|$)|\bcd\b/.test(command)) return [];
  return command.split('&&').flatMap((part) => {
    const [, run, test] = RUN.exec(part.trim()) ?? [];
    const name = run ?? (test === undefined ? undefined : 'test');
    return name === undefined || BUILT_IN.has(name) ? [] : [name];
  });
}

/** With any option but --silent npm may run another package's script, or none. */
const RUN =
  /^npm(?: --?s(?:ilent)?)? (?:run(?:-script)?(?: --?s(?:ilent)?)? (\w[\w:.-]*)|(test|t))(?: --?s(?:ilent)?)?(?: -- .*)?$/;
/** What npm runs without a script of that name as well. */
const BUILT_IN: ReadonlySet<string> = new Set(['env', 'start', 'restart']);

const prefix = ({ folder }: Pick<PackageView, 'folder'>) => (folder === '' ? '' : ` --prefix ${quoted(folder)}`);

/** npm's own around an install: drydock installs without any. */
export function ownInstallScripts(view: PackageView): Finding[] {
  const scripts = scriptsOf(view);
  const names = ['preinstall', 'install', 'postinstall', 'prepare'].filter(
    (name) => typeof scripts[name] === 'string' && !FOR_DEVELOPERS.test(String(scripts[name])),
  );
  return names.map((name) => {
    const file = view.at('package.json');
    const problem = `${file} has a script ${name} (${String(scripts[name])}), and drydock runs none when it installs`;
    const hint = `where it is needed, call it: in the script build, npm run ${name} && …; packages in the image stay as npm installed them`;
    return note({ file, line: lineOfKey(view.manifest ?? '', name), problem, hint });
  });
}

/** Hooks of git, which no run needs. */
const FOR_DEVELOPERS = /\b(husky|lefthook|simple-git-hooks)\b/;

/** What package.json lacks for an image. */
export function lacksEntry(view: PackageView): Finding[] {
  if (!view.isService || !view.isReadable) return [];
  try {
    parseServiceManifest(view.manifest ?? '', { path: view.folder });
    return [];
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    const usual: Record<string, string> = {
      name: 'service',
      version: '0.1.0',
      main: entryOf(view),
    };
    const lacking = Object.keys(usual).filter((key) => typeof view.fields[key] !== 'string' || view.fields[key] === '');
    const hint = `npm pkg set ${lacking.map((key) => `${key}=${usual[key]}`).join(' ')}${prefix(view)}`;
    return [
      blocked(error.code, {
        file: view.at('package.json'),
        stage: 'build',
        problem: error.message,
        hint: `${hint} (${error.hint})`,
      }),
    ];
  }
}

const mainOf = ({ fields }: PackageView): string | null =>
  typeof fields.main === 'string' && fields.main !== '' ? posix.normalize(fields.main) : null;

/** Only dist/ goes into the image, with packages and package.json. */
export function entryOutside(view: PackageView): Finding[] {
  const main = mainOf(view);
  if (!view.isService || main === null || /^(dist(\/|$)|node_modules\/|package\.json$)/.test(main)) return [];
  const file = view.at('package.json');
  const problem = `${file} says that main is ${main}, and of what is built only dist/ goes into the image`;
  const hint = `npm pkg set main=${entryOf(view)}${prefix(view)}, and let the script build write that file`;
  return [
    blocked('BAD_SERVICE', { file, line: lineOfKey(view.manifest ?? '', 'main'), stage: 'build', problem, hint }),
  ];
}

/** Those that write a file of the same name for each source. */
const COMPILERS = /^(?:npx )?(?:tsc|nest build|swc|cp|mkdir|rm|rimraf|shx|copyfiles|tsc-alias|babel)\b/;

/** Never certain: a build may write what it likes. */
export function doubtfulEntry(view: PackageView, facts: RepositoryFacts): Finding[] {
  const main = mainOf(view);
  const build = String(scriptsOf(view).build ?? '');
  const parts = build.split('&&').map((part) => part.trim());
  if (!view.isService || main === null || !main.startsWith('dist/') || !parts.every((part) => COMPILERS.test(part)))
    return [];
  const below = view.folder === '' ? '' : `${view.folder}/`;
  const own = facts.files.filter((file) => file.startsWith(below)).map((file) => file.slice(below.length));
  const stems = new Set(own.map((file) => file.replace(SOURCE, '')));
  const wanted = main.slice('dist/'.length).replace(/\.[cm]?js$/, '');
  const isMade =
    stems.has(`dist/${wanted}`) || [...stems].some((stem) => stem === wanted || stem.endsWith(`/${wanted}`));
  if (isMade || !own.some((name) => SOURCE.test(name))) return [];
  const beside = own
    .filter((file) => /^(src\/)?[^/]+$/.test(file) && SOURCE.test(file))
    .map((file) => file.replace(/^src\//, '').replace(SOURCE, ''));
  const near = nearest(wanted, beside) ?? ['server', 'main', 'index', 'app'].find((name) => beside.includes(name));
  const file = view.at('package.json');
  const problem = `${file} says that main is ${main}, and no source is called ${wanted}`;
  const hint =
    near === undefined
      ? 'see what the script build writes'
      : `did you mean it? npm pkg set main=dist/${near}.js${prefix(view)}`;
  return [note({ file, line: lineOfKey(view.manifest ?? '', 'main'), problem, hint })];
}

const SOURCE = /(?<!\.d)\.(?:[cm]?[jt]s|[jt]sx)$/;
