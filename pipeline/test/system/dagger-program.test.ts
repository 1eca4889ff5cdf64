// Programs of other people's: started by `run`, or finding the engine by what `engine` prints.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, expect, test } from 'vitest';
import { $ } from 'zx';
import { command, environment, ROOT, temporaryFolder } from './support.ts';

const [node, drydock] = command([]);
const quietly = $({ cwd: ROOT, env: environment(), nothrow: true, quiet: true });
const MINUTES = 300_000;

let folder: string;
let program: string;
beforeAll(async () => {
  folder = await temporaryFolder('dagger-program');
  program = join(folder, 'program.mjs');
  await writeFile(
    program,
    `import { connection, dag } from ${JSON.stringify(import.meta.resolve('@dagger.io/dagger'))};
    await connection(async () => console.log(await dag.directory().withNewFile('a', process.argv[2]).file('a').contents()));
    process.exit(7);\n`,
  );
});

test('a program in TypeScript, with its arguments, output and exit code', async () => {
  const { exitCode, stdout, stderr } = await quietly`${node} ${drydock} run -- ${node} ${program} ${'--two words'}`;
  expect([exitCode, stdout, stderr]).toEqual([7, '--two words\n', '']);
});

test('what `engine` prints is a line for a shell, with which a program starts the engine by itself', async () => {
  const script = 'eval "$("$1" "$2" engine)" && exec "$1" "$3" found';
  const { exitCode, stdout } = await quietly`sh -c ${script} sh ${node} ${drydock} ${program}`;
  expect([exitCode, stdout]).toEqual([7, 'found\n']);
});

test('a command that is not there', async () => {
  const { exitCode, stderr } = await quietly`${node} ${drydock} run -- no-such-program`;
  expect([exitCode, stderr]).toEqual([
    2,
    'error: no-such-program cannot be started: there is no such program\nhint: check that it is installed: command -v no-such-program\n',
  ]);
});

test('a signal is passed on, and what the command makes of it is what comes out', async () => {
  const script = 'trap "echo ended; exit 9" TERM; echo started; while :; do sleep 0.1; done';
  const child = spawn(node, [...drydock, 'run', '--', 'sh', '-c', script], { cwd: ROOT, env: environment() });
  const said: string[] = [];
  const lines = createInterface({ input: child.stdout }).on('line', (line) => said.push(line));
  await once(lines, 'line');
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([9, null]);
  expect(said).toEqual(['started', 'ended']);
});

const hasPip = (await quietly`python3 -m pip --version`).exitCode === 0;
// docs.dagger.io, "Custom applications"; as many say it in Python.
test.runIf(hasPip)('a program in Python, with the SDK of its registry (needs pip)', { timeout: MINUTES }, async () => {
  const packages = join(folder, 'packages');
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--root-user-action=ignore'];
  const installed = await quietly`python3 ${pip} --target ${packages} dagger-io==0.21.8`;
  expect(installed.exitCode, installed.stderr).toBe(0);
  const file = join(folder, 'pipeline.py');
  await writeFile(
    file,
    `import anyio, dagger
from dagger import dag

async def main():
    async with dagger.connection():
        folder = dag.directory().with_new_file("a/b", "of Python")
        print(await folder.glob("**/*"), await folder.file("a/b").contents())

anyio.run(main)
`,
  );
  const env = environment({ PYTHONPATH: packages });
  const { exitCode, stdout, stderr } = await $({
    cwd: folder,
    env,
    nothrow: true,
    quiet: true,
  })`${node} ${join(ROOT, ...drydock)} run -- python3 ${file}`;
  expect([exitCode, stdout], stderr).toEqual([0, "['a/', 'a/b'] of Python\n"]);
});
