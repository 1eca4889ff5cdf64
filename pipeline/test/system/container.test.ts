// In a container without privileges: the same answers and the same image as elsewhere, and nothing leaves from there.
import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { $ } from 'zx';
import { makeBase } from './conformance/base.ts';
import { CONTAINER, canRestrict } from './container.ts';
import { type EngineSession, openSession, sh } from './engine-session.ts';
import { ci, coldCache, copyOfRepository, type Environment, edit, ROOT, resultOf, temporaryFolder } from './support.ts';
import { tool, toolsFolder } from './tools.ts';

const CALLS = process.arch === 'arm64' ? { mmap: 222, read: 63 } : { mmap: 9, read: 0 };
/** Puts `new` into a file through a mapping of it, by the system calls mmap and read. */
const MAPPED_WRITE = `
  open(my $f, "+<", $ARGV[0]); my $at = syscall(${CALLS.mmap}, 0, 3, 3, 1, fileno($f), 0); pipe(my $r, my $w);
  syswrite($w, "new"); syscall(${CALLS.read}, fileno($r), $at, 3) == 3 or die`;

/** By prctl(2), as any program may. */
const UNDUMPABLE = `syscall(${process.arch === 'arm64' ? 167 : 157}, 4, 0, 0, 0, 0)`;

/** Swaps a folder for a link and back as fast as it can, in a process of its own; then does something to what watches the step. */
const race = (before: string) => `
  my ($word, $outside, $signal) = @ARGV;
  sub text { open(my $file, "<", $_[0]) or return ""; local $/; return <$file> // "" }
  my $keeper = $$;
  ($keeper) = text("/proc/$keeper/status") =~ /^PPid:\\s*(\\d+)/m until $keeper <= 1 || text("/proc/$keeper/cmdline") =~ m{/drydock-[^/]+/keeper\\0};
  mkdir "/d"; chmod 0777, "/d"; mkdir "/d/e"; mkdir "/d/e/below"; chmod 0777, "/d/e";
  if (!fork) {
    ${before};
    for (;;) { rename "/d/e", "/d/x"; symlink $outside, "/d/e"; unlink "/d/e"; rename "/d/x", "/d/e" }
  }
  select(undef, undef, undef, 0.2);
  kill($signal, $keeper) if $signal;
  print "done\\n";`;

/** Commands of processes that have a word in them. */
async function processesWith(word: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return commands.filter((command) => command.includes(word));
}

/** Two whole runs, and the machine may be busy. */
const RUNS_MS = 1_200_000;
const WAIT = { timeout: 20_000, interval: 200 };
const REFUSED = 'root lacks CAP_SYS_ADMIN, CAP_NET_ADMIN';

describe.skipIf(!canRestrict)('without the right to make namespaces (root is needed, to give it up)', () => {
  describe('a step', () => {
    let folder: string;
    let archive: string;
    beforeAll(async () => {
      folder = await temporaryFolder('container');
      archive = await makeBase(folder);
    });
    const open = async () => {
      const session = await openSession({ XDG_CACHE_HOME: join(folder, 'cache') }, CONTAINER);
      onTestFinished(() => session.close());
      return { session, ask: await session.from(archive) };
    };

    const rows: [what: string, fields: string, answer: string][] = [
      ['knows its own program', sh('readlink /proc/self/exe'), '/bin/busybox\n'],
      ['sees its folder as the root', sh('cd /tmp; readlink /proc/self/cwd; readlink /proc/self/root'), '/tmp\n/\n'],
      ['lists what it has open', sh('ls /proc/self/fd | head -3 | tr "\\n" " "'), '0 1 2 '],
      ['opens its outputs by their names', sh('echo a >/dev/stdout; echo b >/dev/fd/1'), 'a\nb\n'],
      [
        'does so as somebody else, too',
        `withUser(name: "65534") { ${sh('readlink /proc/self/exe; echo a >/dev/stdout')} }`,
        '/bin/busybox\na\n',
      ],
      ['writes to devices', sh('echo a >/dev/null; head -c 3 /dev/zero | wc -c'), '3\n'],
      ['has no file of the machine', sh(`ls ${ROOT} 2>/dev/null || echo none`), 'none\n'],
      [
        'leaves what the next one finds, and takes what it does not',
        `withExec(args: ["sh", "-c", "mkdir -p /a/b; echo 1 >/a/b/one; echo 2 >/a/two"]) { withExec(args: ["sh", "-c", "rm -r /a/b; echo 3 >/a/b"]) { ${sh('find /a | sort; cat /a/b')} } }`,
        '/a\n/a/b\n/a/two\n3\n',
      ],
    ];
    test.each(rows)('%s', async (_, fields, answer) => {
      const { ask } = await open();
      expect(await ask(fields)).toBe(answer);
    });

    test('cannot make the engine follow a link out of its folder', async () => {
      const { session, ask } = await open();
      const outside = await temporaryFolder('outside');
      await writeFile(join(outside, 'cache'), 'kept');
      const volume = await session.ask('{ cacheVolume(key: "linked") { id } }');
      const script = `rm -rf /m/cache/* ; mv /m /n; ln -s ${outside} /m; echo done`;
      expect(await ask(`withMountedCache(path: "/m/cache", cache: "${volume}") { ${sh(script)} }`)).toBe('done\n');
      expect(await readFile(join(outside, 'cache'), 'utf8')).toBe('kept');
    });

    test('takes what it started with it, and the session leaves nothing', async () => {
      const { session, ask } = await open();
      const word = String(Math.random());
      expect(await ask(sh(`(setsid sleep 1${word} &); echo done`))).toBe('done\n');
      expect(await processesWith(word)).toEqual([]);
      expect(session.said()).toContain(`steps are not isolated from each other`);
      await session.close();
      const left = (await readdir(tmpdir())).filter((name) => name.includes(`-${session.process.pid}-`));
      expect(left).toEqual([]);
    });

    const races: [what: string, before: string, signal: string, end: RegExp][] = [
      ['left in the background', '', '', /^done\n$/],
      ['of another user', '$> = $< = 1234', '', /^done\n$/],
      ['whose keeper it ends', '', 'KILL', /exit code: 137|ended/],
      ['that shows nobody where it is, whose keeper it ends', UNDUMPABLE, 'KILL', /exit code: 137|ended/],
      ['of another user, whose keeper it ends', '$> = $< = 1234', 'KILL', /exit code: 137|ended/],
      ['whose keeper it stops', UNDUMPABLE, 'STOP', /ran longer than 3s/],
    ];
    test.each(races)(
      'is over before the engine looks at its folders: a process that swaps them for links, %s',
      async (_, before, signal, end) => {
        const session = await openSession(
          { XDG_CACHE_HOME: join(folder, 'cache'), DRYDOCK_STEP_TIMEOUT: '3s' },
          CONTAINER,
        );
        onTestFinished(() => session.close());
        const ask = await session.from(archive);
        const outside = await temporaryFolder('outside');
        await mkdir(join(outside, 'below'));
        await writeFile(join(outside, 'below', 'file'), 'kept');
        const tools = await session.ask(`{ host { directory(path: "${await toolsFolder()}") { id } } }`);
        const word = `race-${Math.random()}`;
        const perl = [
          '/tools/lib/ld.so',
          '--library-path',
          '/tools/lib',
          '/tools/bin/perl',
          '/race',
          word,
          outside,
          signal,
        ];
        const step = `withMountedDirectory(path: "/tools", source: "${tools}") { withNewFile(path: "/race", contents: ${JSON.stringify(race(before))}) {
        withExec(args: ${JSON.stringify(perl)}) { stdout } } }`;
        expect(await ask(step).catch(String)).toMatch(end);
        expect(await processesWith(word)).toEqual([]);
        expect(await ask(sh(`echo ${word}`))).toBe(`${word}\n`);
        expect(await readFile(join(outside, 'below', 'file'), 'utf8')).toBe('kept');
      },
    );

    // As browsers start what shows their pages.
    test('ends no process of others, though that is below a filter and shows nobody where it is', async () => {
      const { ask } = await open();
      const filter = `syscall(${process.arch === 'arm64' ? 167 : 157}, 22, 2, pack("Sx6P", 1, pack("SCCL", 0x06, 0, 0, 0x7fff0000))) == 0 or die`;
      const word = `3.${String(Math.random()).slice(2)}`;
      const step = ask(sh(`sleep ${word}; echo done`));
      await vi.waitFor(async () => expect((await processesWith(`sleep\0${word}`)).length).toBeGreaterThan(0), WAIT);
      const [perl = '', ...words] = await tool('perl');
      const others = spawn(perl, [...words, '-e', `${filter}; $> = $< = 1234; ${UNDUMPABLE}; sleep 600`]);
      onTestFinished(() => void others.kill());
      expect(await step).toBe('done\n');
      expect([others.exitCode, others.signalCode]).toEqual([null, null]);
      expect(readlinkSync(`/proc/${others.pid}/root`)).toBe('/'); // we, with all rights, may see it: it runs
    });

    test('cannot change a file of a layer in place', async () => {
      const { session, ask } = await open();
      const tools = await session.ask(`{ host { directory(path: "${await toolsFolder()}") { id } } }`);
      const layer = 'for f in append cut mode time owner map; do echo old >/$f; done';
      const list = 'cd /; stat -c "%n %a %u %Y %s" append cut mode time owner map; cat append cut mode time owner map';
      const change = `echo more >>/append; : >/cut; chmod 700 /mode; touch -d @1 /time; chown 7 /owner
        /tools/lib/ld.so --library-path /tools/lib /tools/bin/perl -e '${MAPPED_WRITE}' /map`;
      const made = (fields: string) => ask(`withExec(args: ["sh", "-c", ${JSON.stringify(layer)}]) { ${fields} }`);
      const before = await made(sh(list));
      const changed = await made(
        `withMountedDirectory(path: "/tools", source: "${tools}") { ${sh(change, sh(list))} }`,
      );
      expect(changed).toMatch(/^append 644 0 \d+ 9\ncut 644 0 \d+ 0\nmode 700 .*\ntime 644 0 1 4\nowner 644 7 /);
      expect(changed).toMatch(/old\nmore\nold\nold\nold\nnew\n$/);
      expect(await made(sh(`: again; ${list}`))).toBe(before);
    });

    test('leaves no secret on the disk', async () => {
      const { session, ask } = await open();
      const value = `secret-${Math.random()}`;
      expect(await ask(withSecrets(await secretOf(session, value), 'cat /run/file | wc -c'))).toBe(`${value.length}\n`);
      expect(await filesWith(session, value)).toEqual([]);
    });

    test('leaves nothing when the engine is killed: no process, and no secret on the disk', async () => {
      const { session, ask } = await open();
      const [word, value] = [String(Math.random()), `secret-${Math.random()}`];
      const step = ask(withSecrets(await secretOf(session, value), `(setsid sleep 1${word} &); sleep 2${word}`));
      const cut = expect(step).rejects.toThrow();
      await vi.waitFor(async () => expect(await processesWith(word)).toHaveLength(3), WAIT);
      expect(await filesWith(session, value)).not.toEqual([]);
      await session.kill();
      await cut;
      await vi.waitFor(async () => expect(await processesWith(word)).toEqual([]), WAIT);
      await vi.waitFor(async () => expect(await filesWith(session, value)).toEqual([]), WAIT);
    });

    /** A secret as a file and as a variable, both held while a script runs. */
    const withSecrets = (secret: string, script: string) =>
      `withMountedSecret(path: "/run/file", source: "${secret}") { withSecretVariable(name: "S", secret: "${secret}") { ${sh(script)} } }`;
    const secretOf = (session: EngineSession, value: string) =>
      session.ask(`{ setSecret(name: "s", plaintext: "${value}") { id } }`);
    /** Where the session keeps what it has: others' folders are none of this test's business. */
    const filesWith = async ({ process: { pid } }: EngineSession, value: string) => {
      const own = (await readdir(tmpdir()))
        .filter((name) => name.includes(`-${pid}-`))
        .map((name) => join(tmpdir(), name));
      const words = ['--recursive', '--files-with-matches', '--no-messages', value, join(folder, 'cache'), ...own];
      return (await $({ nothrow: true })`grep ${words}`).lines();
    };

    test('has no service', async () => {
      const { session } = await open();
      const service = session.ask('{ container { withDefaultArgs(args: ["sleep", "9"]) { asService { start } } } }');
      await expect(service).rejects.toThrow(/no service can run here/);
    });
  });

  describe('the pipeline', () => {
    let repository: string;
    let cache: Environment;
    beforeAll(async () => {
      repository = await copyOfRepository('container');
      cache = await coldCache();
    });
    const inside = (...args: string[]) => ci(repository, args, cache, CONTAINER);

    test('comes to the same verdict about the same image, and says what was different', {
      timeout: RUNS_MS,
    }, async () => {
      const there = await inside('ci');
      const found = resultOf(there);
      const here = await ci(repository, ['ci']);
      const expected = resultOf(here);
      expect([there.exitCode, there.stdout]).toEqual([here.exitCode, expect.stringContaining(REFUSED)]);
      expect(found.image).toEqual(expected.image);
      expect(found.gate).toEqual(expected.gate);
      const statuses = (run: typeof found) => run.stages.map(({ name, status }) => [name, status]);
      expect(statuses(found)).toEqual(statuses(expected));
      const [sbom] = found.stages.filter(({ name }) => name === 'sbom');
      expect(sbom?.reason).toMatch(/^the scanner was not confined: it has the network interface /);
      expect(found.engine?.notIsolated?.reason).toBe(REFUSED);
    });

    test('fails for the same reason', { timeout: RUNS_MS }, async () => {
      await edit(repository, 'service/test/config.test.ts', (text) =>
        text.concat("\ntest('the broken one', () => expect(1 + 1).toBe(3));\n"),
      );
      const [there, here] = [await inside('test'), await ci(repository, ['test'])];
      const errors = (run: typeof there) =>
        resultOf(run).stages.flatMap(({ steps }) => steps.map((step) => step.firstErrors));
      const found = errors(there);
      expect(found.flat()[0]).toMatch(/the broken one: expected 2 to be 3/);
      expect([there.exitCode, found]).toEqual([here.exitCode, errors(here)]);
    });

    test.each([
      ['publish', '--registry', 'registry.example', '--repository', 'acme/app'],
      ['cd', '--registry', 'registry.example', '--repository', 'acme/app'],
      ['smoke'],
    ])('%s is refused', async (...args) => {
      const run = await inside(...args);
      expect(run.exitCode).toBe(3);
      expect(run.stdout).toContain('nothing is deployed or published from here');
      expect(run.stdout).toMatch(/^hint: .*docker run --cap-add SYS_ADMIN/m);
    });
  });
});
