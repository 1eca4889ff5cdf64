// The secrets of an install: given to it alone, and to nothing that it leaves. What runs later has a container that never had them.
import { type Container, dag } from '@dagger.io/dagger';
import { PipelineError } from '../core/errors.ts';
import { LOCK_FILES, NPM_CACHE } from '../core/manager.ts';
import { fileOf, placeOf } from '../core/package.ts';
import type { PackageSet } from '../core/package-sets.ts';
import type { RunContext } from './context.ts';
import { contentsIfAny } from './engine.ts';
import type { Command } from './step.ts';

/** Each that its folder names, empty where nobody gave it: what was installed with one is found again without. */
export function withSecrets({ secrets, loopback }: RunContext, node: Container, set: PackageSet): Container {
  if (set.secrets.length === 0) return node;
  const reached = loopback === null ? node : node.withServiceBinding(LOOPBACK, loopback.service);
  return set.secrets.reduce(
    (to, name) => to.withSecretVariable(name, secrets.get(name) ?? dag.setSecret(name, '')),
    // What npm writes of its own doing is for nobody, and may repeat what it was told.
    reached.withMountedTemp(NPM_LOGS).withEnvVariable(LOGS_AT, NPM_LOGS),
  );
}

/**
 * The files of the install in a container that never had its secrets, nor its way to the loopback address, which no container can be rid of. The
 * variables are empty from then on: what reads an .npmrc wants them to be there.
 */
export function withoutSecrets(before: Container, after: Container, { path, secrets }: PackageSet): Container {
  if (secrets.length === 0) return after;
  return secrets.reduce(
    (to, name) => to.withEnvVariable(name, ''),
    before.withRootfs(after.rootfs()).withWorkdir(placeOf(path)),
  );
}

/**
 * A package from git is prepared where it is installed, by its own settings and scripts: those would have the secrets of the install.
 * Throws `BAD_MANIFEST`.
 */
export async function refuseGit(context: RunContext, { path, apart, manager, secrets }: PackageSet): Promise<void> {
  if (secrets.length === 0) return;
  for (const folder of [path, ...apart]) {
    const lock = fileOf({ path: folder }, LOCK_FILES[manager.name]);
    const text = await contentsIfAny(context.source, lock);
    const [found] = FROM_GIT.exec(text ?? '') ?? [];
    if (found === undefined) continue;
    throw new PipelineError(
      'BAD_MANIFEST',
      `${lock} has a package from git (${found}), whose own settings and scripts would have ${secrets.join(', ')}`,
      'take the package from a registry, or an archive of it (npm pack), or leave out secrets in drydock.yaml',
    );
  }
}

/** As lock files of npm, Yarn, pnpm and Bun name what git gives, GitHub's archives included. */
const FROM_GIT =
  /git\+(?:ssh|https?|file):|\bgit:\/\/|git@[\w.-]+:|\.git#|#commit=|\btype: git\b|codeload\.github\.com|["@](?:github|gitlab|bitbucket|gist):/;

/** What an install with secrets runs in: it can reach the ports that were granted, and npm's cache forgets how the registry was asked. */
export function guarded({ loopback, packages }: RunContext, { secrets }: PackageSet): string[] {
  if (packages !== undefined || secrets.length === 0) return [];
  return ['node', '-e', GUARD, loopback?.ports.join(',') ?? ''];
}

const LOOPBACK = 'host-loopback';
/**
 * The ports of this machine's loopback address are at that of the step while the command runs: an .npmrc or a lock file may name a registry
 * there. Of a request npm keeps the headers that the answer's `Vary` names, `Authorization` as well, in lines that begin with their hash (cacache).
 */
const GUARD = `const { connect, createServer } = require('node:net');
const { createHash } = require('node:crypto');
const { existsSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const [, ports, program, ...args] = process.argv;
const INDEX = '${NPM_CACHE}/_cacache/index-v5';
function withoutRights(line) {
  const [, json = ''] = line.split('\\t');
  if (!/authorization"/i.test(json)) return line;
  const entry = JSON.parse(json);
  const headers = entry.metadata?.reqHeaders ?? {};
  for (const name of Object.keys(headers)) if (/authorization$/i.test(name)) delete headers[name];
  const kept = JSON.stringify(entry);
  return createHash('sha1').update(kept).digest('hex') + '\\t' + kept;
}
function forget() {
  if (!existsSync(INDEX)) return;
  for (const entry of readdirSync(INDEX, { recursive: true, withFileTypes: true })) {
    const file = entry.parentPath + '/' + entry.name;
    if (entry.isFile()) writeFileSync(file, readFileSync(file, 'utf8').split('\\n').map(withoutRights).join('\\n'));
  }
}
Promise.all(ports.split(',').filter(Boolean).map((port) => new Promise((ready) => createServer((near) => {
  const far = connect(port, '${LOOPBACK}');
  near.pipe(far).pipe(near);
  for (const [one, other] of [[near, far], [far, near]]) one.on('error', () => other.destroy());
}).listen(port, '127.0.0.1', ready)))).then(() =>
  require('node:child_process').spawn(program, args, { stdio: 'inherit' }).on('close', (code, signal) => {
    forget();
    process.exit(code ?? 128 + require('node:os').constants.signals[signal]);
  }));`;

const NPM_LOGS = '/var/log/npm';
const LOGS_AT = 'npm_config_logs_dir';

export async function hiddenOf(
  { secrets }: RunContext,
  set: PackageSet,
): Promise<Pick<Command, 'hidden' | 'secretVariables'>> {
  if (set.secrets.length === 0) return {};
  const values = await Promise.all(set.secrets.map((name) => secrets.get(name)?.plaintext() ?? ''));
  return { hidden: values.filter((value) => value !== ''), secretVariables: set.secrets };
}

/** What is known of the secrets of a set whose install failed, in a sentence for each. */
export function secretFaults({ secrets }: Pick<RunContext, 'secrets'>, set: PackageSet, log: string): string[] {
  return set.secrets.flatMap((name) => {
    if (!secrets.has(name)) return [`the install had no ${name}: set it, and give it with --secrets env://${name}`];
    return REFUSED.test(log) ? [`the registry refused what ${name} holds: is it another's, or has it run out?`] : [];
  });
}

/** npm, pnpm, Yarn and Bun, for what a registry does not give to everybody. */
const REFUSED =
  /\bE40[13]\b|ERR_PNPM_FETCH_40[13]|\b40[13] (?:Unauthorized|Forbidden)|status code "?40[13]\b|returned a 40[134]\b|\bYN0041\b|^error: GET .* - 40[13]$/m;
