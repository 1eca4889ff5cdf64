// Rules about what a package runs: the scripts that commands name, and the entry that its image starts.
import { quoted } from '../../command.ts';
import { nearest } from '../../suggest.ts';
import type { AskedStage } from '../model.ts';
import { entryOf, filesOf, startsOf } from '../start.ts';
import { SUBJECT_FILE } from '../subject-file.ts';
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

/** Files of the package by their paths in it. */
function ownFiles({ folder }: PackageView, { files }: RepositoryFacts): string[] {
  const below = folder === '' ? '' : `${folder}/`;
  return files.filter((file) => file.startsWith(below)).map((file) => file.slice(below.length));
}

/** Where nothing that could start the service ships: of one that is built, what lies beside dist/; else what there is no file of. */
export function noEntry(view: PackageView, facts: RepositoryFacts): Finding[] {
  const { service } = view;
  if (service === null || !view.isReadable) return [];
  const own = new Set(ownFiles(view, facts));
  const starts = startsOf(view.fields, service.start).map((start) => ({ ...start, entry: entryOf(start.words) ?? '' }));
  const ships = service.include ?? (service.build === null ? null : ['dist']);
  const isShipped = ({ entry }: { entry: string }) =>
    ships === null
      ? filesOf(entry).some((file) => own.has(file))
      : ships.some((path) => filesOf(entry).includes(path) || entry.startsWith(`${path}/`));
  if (starts.some(isShipped)) return [];
  const file = view.at('package.json');
  const said = starts.map(({ from, words }) =>
    from === 'npm' ? 'nothing says how it starts' : `${from} is ${words.join(' ')}`,
  );
  const [first] = starts;
  const isThere = first !== undefined && filesOf(first.entry).some((name) => own.has(name));
  const what = ships === null ? 'there is no such file' : `of what is built, ${ships.join(', ')} ships`;
  const problem = `${file}: ${said.join(', ')}, and ${what}`;
  const hint =
    ships !== null && isThere
      ? `name it among what ships, in ${SUBJECT_FILE}: include: [${[...ships, first.entry].join(', ')}]`
      : `say which file Node starts: npm pkg set main=${nearEntry([...own], ships)}${prefix(view)}`;
  return [
    blocked('BAD_SERVICE', { file, line: lineOfKey(view.manifest ?? '', 'main'), stage: 'build', problem, hint }),
  ];
}

const USUAL_ENTRIES = ['server', 'main', 'index', 'app'];

/** The file that most would mean. */
function nearEntry(own: readonly string[], ships: readonly string[] | null): string {
  const [stems, folder] = [own.map((file) => file.replace(/^src\//, '').replace(SOURCE, '')), ships?.[0] ?? null];
  const name = USUAL_ENTRIES.find((usual) => stems.includes(usual)) ?? 'server';
  if (folder !== null) return `${folder}/${name}.js`;
  return own.find((file) => file.replace(/^src\//, '').replace(SOURCE, '') === name) ?? `${name}.js`;
}

/** Those that write a file of the same name for each source. */
const COMPILERS = /^(?:npx )?(?:tsc|nest build|swc|cp|mkdir|rm|rimraf|shx|copyfiles|tsc-alias|babel)\b/;

/** Never certain: a build may write what it likes. */
export function doubtfulEntry(view: PackageView, facts: RepositoryFacts): Finding[] {
  const { service } = view;
  const entry = entryOf(startsOf(view.fields, service?.start ?? null)[0]?.words ?? []) ?? '';
  const parts = String(scriptsOf(view).build ?? '')
    .split('&&')
    .map((part) => part.trim());
  if (service === null || !entry.startsWith('dist/') || !parts.every((part) => COMPILERS.test(part))) return [];
  const own = ownFiles(view, facts);
  const stems = new Set(own.map((file) => file.replace(SOURCE, '')));
  const wanted = entry.slice('dist/'.length).replace(/\.[cm]?js$/, '');
  const isMade =
    stems.has(`dist/${wanted}`) || [...stems].some((stem) => stem === wanted || stem.endsWith(`/${wanted}`));
  if (isMade || !own.some((name) => SOURCE.test(name))) return [];
  const beside = own
    .filter((file) => /^(src\/)?[^/]+$/.test(file) && SOURCE.test(file))
    .map((file) => file.replace(/^src\//, '').replace(SOURCE, ''));
  const near = nearest(wanted, beside) ?? USUAL_ENTRIES.find((name) => beside.includes(name));
  const file = view.at('package.json');
  const problem = `${file} starts ${entry}, and no source is called ${wanted}`;
  const hint =
    near === undefined
      ? 'see what the script build writes'
      : `did you mean it? npm pkg set main=dist/${near}.js${prefix(view)}`;
  return [note({ file, line: lineOfKey(view.manifest ?? '', 'main'), problem, hint })];
}

const SOURCE = /(?<!\.d)\.(?:[cm]?[jt]s|[jt]sx)$/;
