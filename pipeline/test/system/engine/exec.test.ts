// Commands: what goes into them, what comes out, and how they fail.
import { ExecError, ReturnType } from '@dagger.io/dagger';
import { expect } from 'vitest';
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
  [
    'standard input from a file that is no text',
    () =>
      base()
        .withExec(sh("printf '\\377\\0\\200' > /bytes"))
        .withExec(['od', '-An', '-tx1'], { redirectStdin: '/bytes' })
        .stdout(),
    ' ff 00 80\n',
  ],
  [
    'standard input from a mounted secret',
    () =>
      base()
        .withMountedSecret('/s', dag.setSecret('input', 'open sesame'))
        .withExec(['tr', 'a-z', 'A-Z'], { redirectStdin: '/s' })
        .stdout(),
    'OPEN SESAME',
  ],
  [
    'standard input from two sources',
    () => errorOf(base().withExec(['cat'], { stdin: 'x', redirectStdin: '/etc/passwd' }).stdout()),
    refusal('cannot set both stdin and redirectStdin'),
  ],
  [
    'outputs in files are for the user of the command alone',
    () =>
      base()
        .withUser('app')
        .withExec(['echo', 'x'], { redirectStdout: '/out', redirectStderr: '/err' })
        .withoutUser()
        .withExec(['stat', '-c', '%a %u %g', '/out', '/err'])
        .stdout(),
    '600 1000 1000\n600 1000 1000\n',
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
    // The kernel takes the largest of 32 bits as "leave it as it is": what asks for another user would run as root (the kind of CVE-2024-40635).
    'no id that is none, or that the kernel reads in another way',
    async () => {
      const listed = base().withNewFile(
        '/etc/passwd',
        'a:x:4294967295:0::/:\nb:x:nine:0::/:\nc:x::0::/:\nd:x:9:-1::/:\n',
      );
      const asked = ['4294967295', '4294967296', '7:4294967295'].map((user) => base().withUser(user));
      const all = [...asked, ...['a', 'b', 'c', 'd'].map((user) => listed.withUser(user))];
      return Promise.all(all.map((one) => errorOf(one.withExec(['id', '-u']).stdout())));
    },
    Array.from({ length: 7 }, () => expect.stringMatching(/the id of \w+ is ".*", no number from 0 to 2147483647/)),
  ],
  [
    'the groups that list the user, unless one is named',
    async () => {
      const grouped = base().withNewFile('/etc/group', 'app:x:1000:\nextra:x:7:app\nnogroup:x:65534:\n');
      const groups = (user: string) => grouped.withUser(user).withExec(['id', '-G']).stdout();
      return [await groups('app'), await groups('1000'), await groups('app:nogroup')];
    },
    ['1000 7\n', '1000 7\n', '65534\n'],
  ],
  [
    'a working directory that was not there is its user’s',
    () => base().withUser('app').withWorkdir('/usr/new/d').withExec(sh('touch f; stat -c %u /usr .. . f')).stdout(),
    '0\n1000\n1000\n1000\n',
  ],
  [
    'a working directory that a step took away, with the folder that it was in, is its user’s',
    () =>
      base()
        .withNewFile('/w/d/old', '')
        .withExec(sh('rm -r /w; mkdir /w'))
        .withUser('app')
        .withWorkdir('/w/d')
        .withExec(sh('touch f; ls; stat -c %U .'))
        .stdout(),
    'f\napp\n',
  ],
  [
    'variables in arguments, as a shell of Go has them',
    () =>
      base()
        .withEnvVariable('A', '1')
        .withExec(['printf', '%s|', '$', '$A-b', `\${A:-x}`, '$A_B', `$\{}`, '${A', '100%'], { expand: true })
        .stdout(),
    '$|1-b||||A|100%|',
  ],
  [
    'no secret where variables are replaced',
    () =>
      errorOf(
        base()
          .withSecretVariable('S', dag.setSecret('expanded', 'hidden'))
          .withExec(['echo', '$S'], { expand: true })
          .stdout(),
      ),
    refusal('expand cannot be used with secret env variable "S"'),
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
  [
    'a volatile variable is seen, and is part of no key',
    async () => {
      const run = (value: string, marker: string) =>
        base()
          .withEnvVariable('A', 'lasting')
          .withVolatileVariable('A', value)
          .withExec(['true'])
          .withExec(sh(`echo $A ${marker}; cat /proc/sys/kernel/random/uuid`))
          .stdout();
      const [one, same, other] = [await run('1', 'x'), await run('2', 'x'), await run('3', 'y')];
      return [one === same, one.slice(0, 4), other.slice(0, 4)];
    },
    [true, '1 x\n', '3 y\n'],
  ],
  [
    'a volatile variable is not among those of the container',
    async () => {
      const holder = base().withVolatileVariable('V', '1');
      return [
        await holder.envVariable('V'),
        await holder.withoutVolatileVariable('V').withExec(sh('env | grep -c ^V= || true')).stdout(),
        await errorOf(holder.withEnvVariable('A', '$V', { expand: true }).sync()),
      ];
    },
    [null, '0\n', refusal('expand cannot be used with volatile env variable "V"')],
  ],

  // ── failure ───────────────────────────────────────────────────────────────────────────
  ['an error by order', () => errorOf(base().withError('not today').sync()), refusal('not today')],
  ['no error where none is said', () => base().withError('').withExec(['echo', 'on']).stdout(), 'on\n'],
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
    'a command that is not there, or may not be run',
    () =>
      Promise.all(
        ['nowhere', '/no/where', '/etc/passwd'].map((command) =>
          base().withExec([command], { expect: ReturnType.Any }).exitCode(),
        ),
      ),
    [1, 1, 1],
  ],
  [
    'a user or a group that is not there',
    async () => {
      const as = (user: string) => failure(base().withUser(user).withExec(['true']).sync());
      return [(await as('ghost')).name, (await as('app:ghost')).name];
    },
    ['ExecError', 'ExecError'],
  ],
  [
    'an error’s output without blanks around it',
    async () => {
      const { stdout, stderr } = await failure(
        base().withExec(sh('echo; echo " a "; printf "\\n\\n" >&2; false')).sync(),
      );
      return [stdout, stderr];
    },
    ['a', ''],
  ],
  [
    'an error’s output that is cut says so',
    async () => (await failure(base().withExec(sh('seq 1 90000; exit 1')).sync())).stdout?.slice(0, 25),
    '[omitting 426494 bytes]..',
  ],
  [
    'what is too large to be answered is refused in a sentence, and what is made of it is not',
    async () => {
      const loud = base().withExec(sh('head -c 200000000 /dev/zero'), { redirectStdout: '/out' });
      const sparse = base().withExec(sh('truncate -s 3000000000 /etc/passwd /big'));
      return [
        await errorOf(loud.stdout()),
        await loud.file('/out').size(),
        await loud.withExec(sh('wc -c </out')).stdout(),
        await errorOf(sparse.file('/big').contents()),
        await sparse.file('/big').size(),
        await errorOf(sparse.withUser('app').withExec(['true']).sync()),
        (await failure(base().withExec(sh('head -c 200000000 /dev/zero; echo end; exit 1')).sync())).stdout?.slice(-4),
      ];
    },
    [
      refusal('what the command said has 200000000 bytes, and no more than 134217728 are read in one piece'),
      200_000_000,
      '200000000\n',
      refusal('big has 3000000000 bytes, and no more than'),
      3_000_000_000,
      expect.stringContaining('/etc/passwd has 3000000000 bytes, and no more than'),
      '\0end',
    ],
  ],
  [
    'the exit codes of signals are expected by nobody',
    async () => {
      const exit = async (code: number) => {
        const ran = base().withExec(sh(`exit ${code}`), { expect: ReturnType.Any });
        return (await failure(ran.sync())).exitCode ?? 'expected';
      };
      return [await exit(127), await exit(128), await exit(191), await exit(192)];
    },
    ['expected', 128, 191, 'expected'],
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
