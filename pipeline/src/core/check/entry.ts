// What to paste where a package has no build, or no entry that it makes: as its own scripts and files suggest.
import { quoted } from '../../command.ts';
import type { RepositoryFacts } from './facts.ts';
import { type PackageView, scriptsOf } from './package-view.ts';

const isTypeScript = ({ entries }: Pick<PackageView, 'entries'>) => entries.includes('tsconfig.json');

/** Where the build would put what a script starts, or what main names now. */
export function entryOf(view: PackageView): string {
  return inDist(view, startedBy(view) ?? (typeof view.fields.main === 'string' ? view.fields.main : 'server.js'));
}

const hasBuild = (view: PackageView) => typeof scriptsOf(view).build === 'string';

/** As `node ./bin/www` and `node dist/main` do. */
function startedBy(view: PackageView): string | null {
  const scripts = scriptsOf(view);
  for (const name of ['start:prod', 'start', 'serve']) {
    const [, file] = /\bnode (?:--?[\w-]+(?:=\S+)? )*([\w./-]+)/.exec(String(scripts[name] ?? '')) ?? [];
    if (file !== undefined) return file;
  }
  return null;
}

/** Builds leave src/ away; the copy that is suggested where there is none keeps all paths. */
function inDist(view: PackageView, given: string): string {
  const file = given.replace(/^(\.\/)+/, '');
  const isBuilt = file.startsWith('dist/');
  if (!isBuilt && !isTypeScript(view)) return `dist/${hasBuild(view) ? file.replace(/^src\//, '') : file}`;
  const stem = isBuilt ? file : `dist/${file.replace(/^src\//, '')}`;
  return /\.[cm]?[jt]s$/.test(stem) ? stem.replace(/ts$/, 'js') : `${stem}.js`;
}

/** A script that writes dist/. */
export function buildOf(view: PackageView, { files }: RepositoryFacts): string {
  if (isTypeScript(view)) return 'tsc --outDir dist';
  const below = view.folder === '' ? '' : `${view.folder}/`;
  const parts = new Set(
    files
      .filter((file) => file.startsWith(below))
      .map((file) => file.slice(below.length))
      .filter((file) => file.includes('/') || /^(?!.*\.config\.)[^.].*\.[cm]?js$/.test(file))
      .map((file) => file.split('/')[0] ?? '')
      .filter((name) => !ASIDE.test(name)),
  );
  return parts.size === 0 ? 'cp -r src dist' : `mkdir -p dist && cp -r ${[...parts].map(quoted).join(' ')} dist/`;
}

/** What no program needs where it runs. */
const ASIDE =
  /^(\..*|tests?|__tests__|spec|docs?|coverage|dist|out|node_modules|scripts|examples?|deploy|policy|monitoring|nginx|tools)$/;
