// A step with all capabilities of root: it may shape its own namespaces, and still has no power over the host or over other steps.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Container } from '@dagger.io/dagger';
import { expect } from 'vitest';
import { pinned } from '../../../src/pins.ts';
import { sdkSession, sh, web } from '../sdk-session.ts';
import { toolsFolder } from '../tools.ts';
import { failed, unrefused } from './attempts.ts';
import { type Row, testRows, UUID } from './rows.ts';

const CANARY = ['canary', 'c4f1'].join('-'); // in two parts, so that no command line below holds it
const t = sdkSession({ ENGINE_TEST_CANARY: CANARY });
const { dag, base, host } = t;

/** With the commands of util-linux, which know more than busybox's. */
const node = () => dag.container().from(pinned('node'));

const ALL = { insecureRootCapabilities: true } as const;
const REFUSED = /operation not permitted|permission denied|function not implemented/i;
const READ_ONLY = /read-only file system|permission denied|operation not permitted|no such file|nonexistent/i;
/** What lies over parts of /proc and /sys is the step's own to take away; what is beneath it must be safe by itself. */
const UNCOVER =
  'for m in /proc/sys /proc/kcore /proc/keys /proc/timer_list /proc/bus /proc/fs /proc/irq /proc/sysrq-trigger; do umount $m; done';

/** Attempts are made by commands in one step with all capabilities. */
const refusedOf = (container: Container, reasons: RegExp, commands: readonly string[]) =>
  unrefused(container, reasons, commands, ALL);

const rows: Row[] = [
  // ── what it is for ────────────────────────────────────────────────────────────────────
  [
    'a program without network, without capabilities, with its input read-only',
    async () => {
      const look = [
        'echo x > /in/f || echo read-only',
        'ls /sys/class/net > /dev/null; tail -n +3 /proc/net/dev | cut -d: -f1',
        'grep -E "^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs)" /proc/self/status',
        'mount -o remount,bind,rw /in || echo for good',
        'unshare --net true || echo refused',
      ].join('; ');
      const confine =
        'mount -o remount,bind,ro /in && exec setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --no-new-privs -- "$@"';
      return node()
        .withMountedDirectory('/in', dag.directory().withNewFile('f', ''))
        .withExec(['unshare', '--net', '--mount', '--', 'sh', '-c', confine, 'sh', 'sh', '-c', `(${look}) 2>&-`], ALL)
        .stdout();
    },
    [
      'read-only',
      '    lo',
      ...['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) => `${name}:\t0000000000000000`),
      'NoNewPrivs:\t1',
      'for good',
      'refused\n',
    ].join('\n'),
  ],
  [
    'mounts, names and namespaces of its own',
    () =>
      failed(
        base().withNewFile('/m/f', ''),
        [
          'mount -t tmpfs none /m && touch /m/g && umount /m && test ! -e /m/g',
          'mount -o bind /etc /m && test -s /m/passwd && umount /m',
          'hostname other && test "$(hostname)" = other',
          'unshare --net --ipc --pid --fork --mount sh -c "ip link set lo up && ping -c 1 -W 2 127.0.0.1"',
          'unshare --user --map-root-user id -u',
          'chroot /m /f; mkdir /new && cp /bin/busybox /new && mount -o bind /new /new && unshare --mount sh -c "cd /new && mkdir old && pivot_root . old && /busybox test -e /busybox"',
        ],
        ALL,
      ),
    [],
  ],
  [
    'all capabilities as root, none as a user, and an ordinary step has what it had',
    async () => {
      const effective = sh('grep -E "CapEff|NoNewPrivs|Seccomp:" /proc/self/status | tr -s "\\t\\n" "  "');
      return [
        await base().withExec(effective, ALL).stdout(),
        await base().withUser('app').withExec(effective, ALL).stdout(),
        await base().withExec(effective).stdout(),
      ];
    },
    [
      expect.stringMatching(/^CapEff: 0+[1-9a-f]?f{9,} NoNewPrivs: 1 Seccomp: 2 $/),
      'CapEff: 0000000000000000 NoNewPrivs: 1 Seccomp: 2 ',
      'CapEff: 00000000a80425fb NoNewPrivs: 1 Seccomp: 2 ',
    ],
  ],
  [
    'the same command with and without them is two steps',
    async () => {
      const [first, again, without] = [
        await base().withExec(UUID, ALL).stdout(),
        await base().withExec(UUID, ALL).stdout(),
        await base().withExec(UUID).stdout(),
      ];
      return [first === again, first === without];
    },
    [true, false],
  ],

  // ── the host ──────────────────────────────────────────────────────────────────────────
  [
    'files of the host, by every way to the root',
    async () => {
      const path = join(await host({ secret: CANARY }), 'secret');
      const ways = ['', '/proc/1/root', '/proc/self/root', '/..'];
      return [
        await refusedOf(base(), /No such file/, [
          ...ways.map((way) => `cat ${way}${path}`),
          `nsenter -t 1 -m cat ${path}`,
          `umount -l /; cat ${path}`,
          `mkdir /p && mount -t proc proc /p && cat /p/1/root${path}`,
        ]),
        await base().withExec(sh("grep -l 'canary[-]c' /proc/[0-9]*/environ /dev/.init || echo none"), ALL).stdout(),
      ];
    },
    [[], 'none\n'],
  ],
  [
    'what is mounted from the host is not changed',
    async () => {
      const file = join((await toolsFolder()) || '/usr', 'bin/tini-static');
      const state = () => [statSync(file).mode, createHash('sha256').update(readFileSync(file)).digest('hex')];
      const before = state();
      const attempts = [
        'mount -o remount,bind,rw /dev/.init; chmod 777 /dev/.init; cp /dev/.init /i; cp /bin/sh /dev/.init; cat /i > /dev/.init',
        'umount /dev/.init; echo evil > /dev/.init/x',
      ];
      const tried = base().withExec(sh(`${attempts.join('; ')}; echo tried`), ALL);
      return [await tried.stdout(), state().join() === before.join()];
    },
    ['tried\n', true],
  ],
  [
    'kernel modules, the time, swap, the kernel’s log, a restart',
    () =>
      refusedOf(base().withNewFile('/evil.ko', '\x7fELF').withNewFile('/s', '0'), REFUSED, [
        'insmod /evil.ko',
        'rmmod loop',
        'date -s 2020-01-01; test $(date +%Y) -lt 2021',
        'adjtimex -t 10001',
        'swapon /s',
        'dmesg',
        'reboot -f',
      ]),
    [],
  ],
  [
    'settings of the kernel, also with nothing lying over them',
    async () => [
      await refusedOf(base(), READ_ONLY, [
        `${UNCOVER}; echo "|/evil" > /proc/sys/kernel/core_pattern`,
        'echo 0 > /proc/sys/kernel/randomize_va_space',
        'echo 1 > /proc/sys/vm/drop_caches',
        'echo 1 > /proc/sys/net/ipv4/ip_forward',
        'echo b > /proc/sysrq-trigger',
        'echo -1000 > /proc/1/oom_score_adj',
        'umount /sys; mount -t sysfs sysfs /sys; mount -o remount,rw /sys; echo 1 > /sys/kernel/uevent_seqnum',
        'mount -o remount,rw /sys; mkdir /sys/fs/cgroup/evil',
        'head -c 1 /proc/kcore',
      ]),
      hostname(),
    ],
    [[], hostname()],
  ],
  [
    'devices and file systems of the host',
    () =>
      refusedOf(
        base().withNewFile('/m/f', ''),
        /operation not permitted|permission denied|unknown|no such device|must be superuser|No such file/i,
        [
          'mknod /sda b 8 0 && head -c 1 /sda',
          'mknod /vda b 254 0 && mount -t ext4 /vda /m',
          'mknod /mem c 1 1 && head -c 1 /mem',
          'mknod /kmsg c 1 11 && head -c 1 /kmsg',
          'mount -t devtmpfs dev /m',
          'mount -t debugfs debug /m',
          'mount -t tracefs trace /m',
          'mount -t securityfs security /m',
          'mount -t configfs config /m',
          'mount -t ext4 /dev/vda /m',
          'mount -o loop /m/f /m',
        ],
      ),
    [],
  ],
  [
    'the control groups that the engine is in',
    () =>
      refusedOf(node().withNewFile('/m/f', ''), REFUSED, [
        'mount -t cgroup2 none /m && echo 1 > /m/cgroup.kill',
        'mount -t cgroup -o memory none /m && ls /m/tasks',
        'unshare --cgroup true',
        'unshare --user --map-root-user unshare --cgroup true',
      ]),
    [],
  ],

  // ── other steps, and the network that they share ──────────────────────────────────────
  [
    'the network of the session',
    () =>
      refusedOf(base(), REFUSED, [
        'ip link set eth0 down',
        'ip addr add 10.87.0.1/16 dev eth0',
        'ip route del default',
        'ip link set eth0 netns 1',
        'brctl addbr evil',
      ]),
    [],
  ],
  [
    'a step that leaves its network does not disturb one that uses it',
    async () => {
      // Of this run: were one of the two answered from the cache, the other would wait for it for ever.
      const meeting = dag.cacheVolume(`network meeting ${randomUUID()}`);
      const asked = base()
        .withServiceBinding('w', web(t, 'still here').asService())
        .withMountedCache('/meeting', meeting)
        .withExec(
          sh(
            'touch /meeting/ready; until test -e /meeting/left; do sleep 0.05; done; wget -qO- http://w:8080/index.html; touch /meeting/done',
          ),
        );
      const leaves = base()
        .withMountedCache('/meeting', meeting)
        .withExec(
          sh(
            `until test -e /meeting/ready; do sleep 0.05; done
             unshare --net --mount sh -c 'ip link set lo up; ip addr add 10.87.0.1/16 dev lo; ip link; touch /meeting/left; until test -e /meeting/done; do sleep 0.05; done'`,
          ),
          ALL,
        );
      const [answer, links] = await Promise.all([asked.stdout(), leaves.stdout()]);
      return [answer, /eth/.test(links)];
    },
    ['still here', false],
  ],
  [
    'secrets and processes of a step that runs at the same time',
    async () => {
      const meeting = dag.cacheVolume(`meeting ${randomUUID()}`);
      const holder = base()
        .withMountedSecret('/run/held', dag.setSecret('held file', CANARY))
        .withMountedCache('/meeting', meeting)
        .withExec(sh('touch /meeting/held; until test -e /meeting/seen; do sleep 0.05; done; test -s /run/held'));
      const spy = base()
        .withMountedCache('/meeting', meeting)
        .withExec(
          sh(
            `until test -e /meeting/held; do sleep 0.05; done
             mkdir /p; mount -t proc proc /p
             grep -l 'canary[-]c' /p/[0-9]*/environ /p/[0-9]*/root/run/held /run/held 2> /dev/null
             kill -9 -1 2> /dev/null
             ls /p | grep -c '^[0-9]*$'
             touch /meeting/seen; echo nothing else`,
          ),
          ALL,
        );
      const [, seen] = await Promise.all([holder.sync(), spy.stdout()]);
      return seen;
    },
    expect.stringMatching(/^\d\nnothing else\n$/),
  ],
];
testRows(rows);
