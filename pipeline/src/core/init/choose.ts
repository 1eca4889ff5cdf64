// Which package of a repository is its service: the one that drydock takes without being told, else the one that looks like a server.
import { dependenciesOf, type PackageView, scriptsOf } from '../check/package-view.ts';
import { fieldsIn } from '../record.ts';
import type { Candidate } from './facts.ts';

export type Choice = {
  folder: string;
  /** drydock takes it without a word. */
  isUsual: boolean;
  /** Others that look like one as well. */
  others: string[];
};

/** Null where no package looks like a server. */
export function chooseService(candidates: readonly Candidate[], workspaces: readonly string[]): Choice | null {
  const at = (folder: string) => candidates.find((candidate) => candidate.folder === folder);
  const servers = candidates.filter((candidate) => candidate.folder !== '' && weightOf(candidate) > 0);
  const ranked = [...servers].sort(
    (one, other) => weightOf(other) - weightOf(one) || one.folder.localeCompare(other.folder),
  );
  const [usual] = ['service', ''].filter((folder) => at(folder) !== undefined);
  // A root that holds workspaces together, or only tools, is no service itself.
  const root = at('');
  const isHolder =
    usual === '' && root !== undefined && ranked.length > 0 && (workspaces.length > 0 || weightOf(root) === 0);
  if (usual !== undefined && !isHolder) return { folder: usual, isUsual: true, others: [] };
  const [first, ...others] = ranked;
  return first === undefined
    ? null
    : { folder: first.folder, isUsual: false, others: others.map(({ folder }) => folder) };
}

const FRAMEWORKS =
  /^(express|fastify|koa|hono|@hono\/node-server|@nestjs\/core|@hapi\/hapi|restify|polka|h3|@trpc\/server|@apollo\/server)$/;

/** More for what more servers have. */
function weightOf({ manifest }: Candidate): number {
  const view = { fields: fieldsIn(manifest) ?? {} } as Pick<PackageView, 'fields'>;
  const scripts = scriptsOf(view);
  const isServer = dependenciesOf({ fields: { dependencies: view.fields.dependencies } }).some(([name]) =>
    FRAMEWORKS.test(name),
  );
  const starts = /\bnode\b|\bnest start\b/.test(String(scripts['start:prod'] ?? scripts.start ?? ''));
  return Number(isServer) * 2 + Number(starts);
}
