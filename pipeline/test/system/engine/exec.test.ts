// Commands: what goes into them, what comes out, and how they fail.
import { ExecError, ReturnType } from '@dagger.io/dagger';
import { failure, sdkSession, sh } from '../sdk-session.ts';
import { errorOf, type Row, refusal, testRows } from './rows.ts';

const { dag, base } = sdkSession();

const rows: Row[] = [
  // ── input and output ──────────────────────────────────────────────────────────────────
  [
    'standard input from a file of the container',
    () => base().withNewFile('/in', 'from file').withExec(['cat'], { redirectStdin: '/in' }).stdout(),
    'from file',
  ],
  [
    'standard input from a file of a mount',
    () =>
      base()
        .withMountedDirectory('/m', dag.directory().withNewFile('in', 'mounted'))
        .withExec(['cat'], { redirectStdin: '/m/in' })
        .stdout(),
    'mounted',
  ],
  [
    'standard input from a file that is not there',
    () => errorOf(base().withExec(['cat'], { redirectStdin: '/nope' }).stdout()),
    refusal('nope'),
  ],
  [
    'standard input of 200 kB',
    () =>
      base()
        .withExec(['wc', '-c'], { stdin: 'x'.repeat(200_000) })
        .stdout(),
    '200000\n',
  ],
  [
    'standard output into a mount',
    () =>
      base()
        .withMountedDirectory('/m', dag.directory())
        .withExec(['echo', 'x'], { redirectStdout: '/m/out' })
        .file('/m/out')
        .contents(),
    'x\n',
  ],
  [
    'standard output into a file relative to the working directory',
    () => base().withWorkdir('/w').withExec(['echo', 'x'], { redirectStdout: 'out' }).file('/w/out').contents(),
    'x\n',
  ],
  [
    'both outputs into files, though the command fails',
    async () => {
      const ran = base().withExec(sh('echo a; echo b >&2; exit 2'), {
        redirectStdout: '/out',
        redirectStderr: '/err',
        expect: ReturnType.Any,
      });
      return [await ran.file('/out').contents(), await ran.file('/err').contents(), await ran.exitCode()];
    },
    ['a\n', 'b\n', 2],
  ],
  [
    'the output is that of the last command, whatever else came after it',
    async () => {
      const one = base().withExec(['echo', 'a']).withEnvVariable('X', '1');
      return [await one.stdout(), await one.withNewFile('/f', '').withExec(['echo', 'b']).stdout()];
    },
    ['a\n', 'b\n'],
  ],
  [
    'both outputs of a command that may fail',
    async () => {
      const ran = base().withExec(sh('echo good; exit 3'), { expect: ReturnType.Any });
      const other = base().withExec(sh('echo bad >&2; exit 3'), { expect: ReturnType.Any });
      return [await ran.combinedOutput(), await other.stderr()];
    },
    ['good\n', 'bad\n'],
  ],

  // ── the command ───────────────────────────────────────────────────────────────────────
  ['default arguments', () => base().withDefaultArgs(['echo', 'default']).withExec([]).stdout(), 'default\n'],
  [
    'a command found by the PATH that the container was given',
    () =>
      base()
        .withNewFile('/opt/hello', '#!/bin/sh\necho hi', { permissions: 0o755 })
        .withEnvVariable('PATH', '/opt:$PATH', { expand: true })
        .withExec(['hello'])
        .stdout(),
    'hi\n',
  ],
  [
    'the first process, where no init is wanted',
    () => base().withExec(sh('echo $$'), { noInit: true }).stdout(),
    '1\n',
  ],
  ['a working directory that was not there', () => base().withWorkdir('/new/d').withExec(['pwd']).stdout(), '/new/d\n'],
  [
    'a user and a group by name',
    () => base().withUser('app:nogroup').withExec(sh('id -u; id -g')).stdout(),
    '1000\n65534\n',
  ],
  [
    'a value with an equals sign and a blank',
    () => base().withEnvVariable('A', 'x=y z').withExec(sh('echo "$A"')).stdout(),
    'x=y z\n',
  ],
  [
    'the later value of a variable',
    () => base().withEnvVariable('A', '1').withEnvVariable('A', '2').withExec(sh('echo $A')).stdout(),
    '2\n',
  ],

  // ── failure ───────────────────────────────────────────────────────────────────────────
  ['no exit code without a command', () => errorOf(base().exitCode()), refusal('no command has been set')],
  [
    'a failure says the command, its exit code and what it said',
    async () => {
      const error = await base()
        .withExec(sh('echo o; echo e >&2; exit 42'))
        .sync()
        .catch((thrown: unknown) => thrown);
      if (!(error instanceof ExecError)) return error;
      return [error.cmd, error.exitCode, error.stdout, error.stderr];
    },
    [sh('echo o; echo e >&2; exit 42'), 42, 'o', 'e'],
  ],
  [
    'a file that may not be executed',
    async () => (await failure(base().withNewFile('/x', '#!/bin/sh\n').withExec(['/x']).sync())).name,
    'ExecError',
  ],
  ['the exit code 255', () => base().withExec(sh('exit 255'), { expect: ReturnType.Any }).exitCode(), 255],
  [
    'a command that was allowed to fail before is not allowed to now',
    async () => {
      await base().withExec(sh('exit 5'), { expect: ReturnType.Any }).sync();
      return (await failure(base().withExec(sh('exit 5')).sync())).exitCode;
    },
    5,
  ],
];
testRows(rows);
