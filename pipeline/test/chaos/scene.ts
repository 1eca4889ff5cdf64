// Where the chaos happens: a store of its own, a program whose right answer is known, and a tally of how often it was given.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx';
import { environment, ROOT } from '../system/repository.ts';

const RIGHT = '1 2 3 4 mounted kept served';
const PROGRAM = fileURLToPath(new URL('program.ts', import.meta.url));

export type Ran = { exitCode: number | null; isRight: boolean; said: string };

export class Scene {
  readonly cache: string;
  readonly archive: string;
  readonly env: NodeJS.ProcessEnv;
  readonly wrong: string[] = [];
  right = 0;

  constructor(cache: string, archive: string) {
    mkdirSync(cache, { recursive: true });
    this.cache = cache;
    this.archive = archive;
    this.env = environment({
      XDG_CACHE_HOME: cache,
      _EXPERIMENTAL_DAGGER_CLI_BIN: join(ROOT, 'pipeline/engine/bin/embedded-engine'),
    });
  }

  /** The program's command line; with another round its steps run again, with another ending the last of them. */
  command(round: string, ending = ''): [program: string, args: string[]] {
    return [process.execPath, ['--import', 'tsx', PROGRAM, this.archive, round, ending]];
  }

  async run(round: string, env: Readonly<Record<string, string>> = {}, ending = ''): Promise<Ran> {
    const [program, args] = this.command(round, ending);
    const options = { cwd: ROOT, env: { ...this.env, ...env }, nothrow: true, quiet: true };
    const { exitCode, stdout, stderr } = await $(options)`${program} ${args}`;
    return { exitCode, isRight: exitCode === 0 && stdout.trim() === RIGHT, said: stdout + stderr };
  }

  /** A run that has to be right. */
  async check(round: string, env: Readonly<Record<string, string>> = {}, ending = ''): Promise<void> {
    const { isRight, exitCode, said } = await this.run(round, env, ending);
    if (isRight) this.right += 1;
    else this.wrong.push(`${round}: exit ${exitCode}, ${said.slice(-500)}`);
  }

  store(...path: string[]): string {
    const name = readdirSync(join(this.cache, 'drydock')).find((entry) => entry.startsWith('store-')) ?? '';
    return join(this.cache, 'drydock', name, ...path);
  }

  /** What a session that is over should have taken with it. */
  leftovers(): string[] {
    return ['tmp', 'leases'].flatMap((name) => (existsSync(this.store(name)) ? readdirSync(this.store(name)) : []));
  }
}
