// The engine where something is missing that machines have and containers take away, each thing by itself: a step runs as elsewhere, or the
// engine ends at once with exit code 3, a sentence that names what is missing, and a command that brings it.
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { makeBase } from '../conformance/base.ts';
import { openSession, sh } from '../engine-session.ts';
import { temporaryFolder } from '../support.ts';
import { tool } from '../tools.ts';

// The manual page capabilities(7).
const CAPABILITIES = [
  ...['audit_control', 'audit_read', 'audit_write', 'block_suspend', 'bpf', 'checkpoint_restore', 'chown'],
  ...['dac_override', 'dac_read_search', 'fowner', 'fsetid', 'ipc_lock', 'ipc_owner', 'kill', 'lease'],
  ...['linux_immutable', 'mac_admin', 'mac_override', 'mknod', 'net_admin', 'net_bind_service', 'net_broadcast'],
  ...['net_raw', 'perfmon', 'setgid', 'setfcap', 'setpcap', 'setuid', 'sys_admin', 'sys_boot', 'sys_chroot'],
  ...['sys_module', 'sys_nice', 'sys_pacct', 'sys_ptrace', 'sys_rawio', 'sys_resource', 'sys_time'],
  ...['sys_tty_config', 'syslog', 'wake_alarm'],
];

// docs.docker.com/engine/containers/run, "Runtime privilege and Linux capabilities".
const DOCKER = [
  ...['audit_write', 'chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'mknod', 'net_bind_service', 'net_raw'],
  ...['setfcap', 'setgid', 'setpcap', 'setuid', 'sys_chroot'],
];
// containers.conf(5), "default_capabilities".
const PODMAN = [
  ...['chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'net_bind_service', 'setfcap', 'setgid', 'setpcap'],
  ...['setuid', 'sys_chroot'],
];

const setpriv = await tool('setpriv');
const unshare = await tool('unshare');
const mount = await tool('mount');
const umount = await tool('umount');
const perl = await tool('perl');
const limitedTo = (set: readonly string[]) => [...setpriv, '--inh-caps=-all', `--bounding-set=${set.join(',')}`];
const without = (...names: string[]) => limitedTo(names.map((name) => `-${name}`));
const only = (...names: string[]) => limitedTo(['-all', ...names.map((name) => `+${name}`)]);
/** In a mount namespace where a script has mounted something. */
const where = (script: string) => [
  ...[...unshare, '--mount', '--propagation', 'private', 'sh', '-euc'],
  ...[`mount='${mount.join(' ')}' umount='${umount.join(' ')}'; ${script}; exec "$@"`, 'sh'],
];
const limit = (letter: string, value: number) => ['sh', '-c', `ulimit -${letter} ${value}; exec "$@"`, 'sh'];
/** Below a filter that answers EPERM to a system call, as moby/profiles (seccomp/default.json) does to pivot_root. */
const CALLS = process.arch === 'arm64' ? { prctl: 167, pivot: 41 } : { prctl: 157, pivot: 155 };
const FILTER = `
  my $filter = pack("SCCL" x 4, 0x20, 0, 0, 0, 0x15, 0, 1, ${CALLS.pivot}, 0x06, 0, 0, 0x50001, 0x06, 0, 0, 0x7fff0000);
  my $program = pack("Sx6P", 4, $filter);
  syscall(${CALLS.prctl}, 22, 2, $program) == 0 or die "prctl: $!";
  exec @ARGV`;

/** Who has no name, nor subordinate ids; and may read what is root's, where this repository may be. */
const reading = ['--inh-caps=-all,+dac_read_search', '--ambient-caps=+dac_read_search'];
const nameless = [...setpriv, '--reuid=41234', '--regid=41234', '--clear-groups', ...reading, '--'];

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)('where something is missing (root is needed, to take it away)', () => {
  let folder: string;
  let archive: string;
  beforeAll(async () => {
    folder = await temporaryFolder('rights');
    archive = await makeBase(folder);
  });

  /** A session below a command; what it says instead, where it does not begin. */
  async function opened(within: readonly string[], env: Record<string, string> = {}) {
    const session = await openSession({ XDG_CACHE_HOME: join(folder, 'cache'), ...env }, within);
    onTestFinished(() => session.close());
    return { session, ask: await session.from(archive) };
  }
  const refusal = async (within: readonly string[], env?: Record<string, string>): Promise<string> => {
    const error = await opened(within, env).then(
      ({ session }) => new Error(`it began: ${session.said()}`),
      (error: Error) => error,
    );
    return error.message;
  };

  /** Owners, modes, what is removed, who runs it: all that rights are needed for. */
  async function expectRightSteps({ ask }: Awaited<ReturnType<typeof opened>>): Promise<void> {
    const fresh = `withEnvVariable(name: "FRESH", value: "${Math.random()}")`;
    const make =
      'mkdir -p /a/b; echo 1 >/a/b/one; echo 2 >/a/two; chown -R 65534:65534 /a; chmod 700 /a/b; chmod 6755 /a/two';
    const change = `rm -r /a/b; echo 3 >/a/b; ${'find /a | sort; cat /a/b; stat -c "%a %u %g" /a/two'}`;
    const shown = '/a\n/a/b\n/a/two\n3\n6755 65534 65534\n';
    expect(await ask(`${fresh} { withExec(args: ["sh", "-c", "${make}"]) { ${sh(change)} } }`)).toBe(shown);
    const own = 'withNewFile(path: "/own/file", contents: "x", owner: "1000:1000", permissions: 384)';
    const asOwner = 'withUser(name: "app")';
    expect(
      await ask(`${fresh} { ${own} { ${asOwner} { ${sh('id -u; cat /own/file; head -c 2 /dev/zero | wc -c')} } } }`),
    ).toBe('1000\nx2\n');
    expect(await ask(`${fresh} { ${asOwner} { ${sh('sleep 100 & echo done')} } }`)).toBe('done\n');
  }

  /** Begins with what is said of the steps and of what is fetched. */
  const SAID = /^((note|warning): .*\n|fetching .*\n)*error: (?<error>.*)\nhint: (?<hint>.*)\n$/;

  describe.each<[from: string, all: readonly string[], drop: (name: string) => string[]]>([
    ['of all capabilities', CAPABILITIES, (name) => without(name)],
    ['of a container’s', DOCKER, (name) => only(...DOCKER.filter((other) => other !== name))],
  ])('%s', (_, all, drop) => {
    test.each(all)('without %s', async (name) => {
      const session = await opened(drop(name)).catch((error: Error) => error);
      if (!(session instanceof Error)) return await expectRightSteps(session);
      expect(SAID.exec(session.message)?.groups ?? session.message).toEqual({
        error: `no step can run here: root lacks CAP_${name.toUpperCase()}`,
        hint: expect.stringMatching(/^docker run --cap-add SYS_ADMIN .* IMAGE$/),
      });
    });
  });

  const running: [what: string, within: readonly string[], said: string | RegExp][] = [
    ['a container that may also mount', only(...DOCKER, 'sys_admin'), /not isolated .*: root lacks CAP_NET_ADMIN\n/],
    [
      'a container that may also set up networks',
      only(...DOCKER, 'net_admin'),
      /not isolated .*: root lacks CAP_SYS_ADMIN\n/,
    ],
    [
      'a container where control groups are of both versions', // "cgroups in hybrid mode not supported" (containers/crun)
      [
        ...where(
          '$mount -t tmpfs none /sys/fs/cgroup; mkdir /sys/fs/cgroup/unified; $mount -t cgroup2 none /sys/fs/cgroup/unified',
        ),
        ...only(...DOCKER),
      ],
      /not isolated/,
    ],
    [
      'a container without control groups',
      [...where('$mount -t ramfs none /sys/fs/cgroup'), ...only(...DOCKER)],
      /not isolated/,
    ],
    [
      'a filter that refuses pivot_root',
      [...perl, '-e', FILTER, '--'],
      /not isolated .*: the filter of system calls refuses pivot_root\n/,
    ],
    [
      'a /proc/sys that is read-only',
      where('$mount --bind /proc/sys /proc/sys; $mount -o remount,bind,ro /proc/sys'),
      /^$/,
    ],
    ['a /proc/sys that is hidden', where('$mount -t tmpfs none /proc/sys'), /^$/],
    ['a start of the machine that is hidden', where('$mount --bind /dev/null /proc/sys/kernel/random/boot_id'), /^$/],
    ['no /dev/shm', where(devWithout('shm')), /^$/],
  ];
  test.each(running)('%s: steps run', async (_, within, said) => {
    const found = await opened(within);
    await expectRightSteps(found).catch(({ message, cause }: Error) => {
      throw new Error(`${message} ${JSON.stringify(cause)}\n${found.session.said()}`, { cause });
    });
    expect(found.session.said()).toMatch(said);
  });

  const refused: [what: string, within: readonly string[], error: RegExp, hint: RegExp][] = [
    ['Podman’s defaults', only(...PODMAN), /^no step can run here: root lacks CAP_MKNOD$/, /^docker run --cap-add/],
    [
      'the right to mount, and no other but to change the root',
      only('sys_admin', 'sys_chroot'),
      /^no step can run here: root lacks CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_SETGID, CAP_SETUID, CAP_KILL, CAP_SETPCAP, CAP_MKNOD$/,
      /^docker run --cap-add/,
    ],
    ['no /proc', where('$umount -l /proc'), /^\/proc is not mounted here$/, /^mount -t proc proc \/proc$/],
    [
      'a container where /proc/sys is hidden',
      [...where('$mount -t tmpfs none /proc/sys'), ...only(...DOCKER)],
      /^\/proc\/sys is hidden here/,
      /^docker run --security-opt systempaths=unconfined IMAGE$/,
    ],
    [
      'a loopback interface that is down',
      [...unshare, '--net'],
      /^the loopback interface is down/,
      /^sudo ip link set lo up$/,
    ],
    [
      'no /dev/shm, for a user',
      [...where(devWithout('shm')), ...nameless],
      /^the folder \/dev\/shm is missing$/,
      /^sudo mkdir /,
    ],
    [
      '32 open files',
      [...limit('n', 32), ...nameless],
      /^the number of open files is limited to 32 here, and the engine needs 256$/,
      /^sudo prlimit --pid \$\$ --nofile=65536$/,
    ],
    [
      'a small stack',
      [...limit('s', 512), ...nameless],
      /^the stack of a program is limited to 512 kB here/,
      / --stack=8388608$/,
    ],
    [
      'small files',
      [...limit('f', 100), ...nameless],
      /^the size of a file is limited to 100 blocks of 512 bytes here/,
      / --fsize=-1$/,
    ],
    [
      'little memory',
      [...limit('d', 100_000), ...nameless],
      /^the memory of a program is limited to 100000 kB here/,
      / --data=-1$/,
    ],
    [
      '20 processes',
      [...limit('p', 20), ...nameless],
      /^the number of processes is limited to 20 here/,
      / --nproc=65536$/,
    ],
    [
      'small files in a container',
      [...limit('f', 100), ...without('sys_resource')],
      /^the size of a file is limited to 100 blocks of 512 bytes here/,
      /^docker run --ulimit fsize=-1 IMAGE$/,
    ],
    [
      'neither home nor name',
      [...nameless, 'env', '--unset=HOME', '--unset=XDG_CACHE_HOME', '--unset=DRYDOCK_TOOLS'],
      /^the engine's tools cannot be kept in \/\.cache\/.*: permission is denied$/,
      /^set XDG_CACHE_HOME/,
    ],
  ];
  test.each(refused)('%s: said at once', async (_, within, error, hint) => {
    const said = await refusal(within);
    expect(SAID.exec(said)?.groups ?? said).toEqual({
      error: expect.stringMatching(error),
      hint: expect.stringMatching(hint),
    });
  });
});

/** A /dev of its own with what every /dev has, but for a name. */
function devWithout(name: string): string {
  const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'net', 'shm'].filter((one) => one !== name);
  return `$mount -t tmpfs -o mode=755 none /mnt
    for name in ${devices.join(' ')}; do
      if [ -d /dev/$name ]; then mkdir /mnt/$name; else : >/mnt/$name; fi
      $mount --rbind /dev/$name /mnt/$name
    done
    ln -s /proc/self/fd /mnt/fd
    $mount --rbind /mnt /dev`;
}
