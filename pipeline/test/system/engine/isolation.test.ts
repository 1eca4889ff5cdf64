// A step that tries to get out: each attempt is refused, and an ordinary step's work is not.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sh as inSession, openSession } from '../engine-session.ts';
import { sdkSession, sh, web } from '../sdk-session.ts';
import { failed, hostAddresses, reached, unrefused } from './attempts.ts';
import { errorOf, type Row, testRows } from './rows.ts';

const CANARY = ['canary', 'b0a7'].join('-'); // in two parts, so that no command line below holds it
const t = sdkSession({ ENGINE_TEST_CANARY: CANARY });
const { dag, base, host } = t;

const DENIED = /operation not permitted|permission denied/i;
/** A setting that this kernel does not have is none to change. */
const READ_ONLY = /read-only file system|permission denied|operation not permitted|no such file|nonexistent/i;
const ABSENT = /No such file or directory/;
/** Looks for the canary without naming it. */
const SEARCH = "grep -l 'canary[-]b' ";

const rows: Row[] = [
  // ── the host ──────────────────────────────────────────────────────────────────────────
  [
    'files of the host, by every way to the root',
    async () => {
      const path = join(await host({ secret: CANARY }), 'secret');
      const ways = ['', '/proc/1/root', '/proc/self/root', '/proc/self/cwd/../../../../..', '/..'];
      return unrefused(
        base(),
        ABSENT,
        ways.map((way) => `cat ${way}${path}`),
      );
    },
    [],
  ],
  [
    'files of the host, behind links that are read by the engine',
    async () => {
      const folder = await host({ secret: CANARY });
      const secret = join(folder, 'secret');
      const upwards = `../../../../../../../..${secret}`;
      const made = base().withExec(sh(`mkdir /d; ln -s ${secret} /d/a; ln -s ${upwards} /d/b; ln -s ${folder} /d/c`));
      const put = dag.directory().withSymlink(secret, 'a').withSymlink(upwards, 'b').withSymlink(folder, 'c');
      const reads = [made.directory('/d'), put].flatMap((directory) => [
        directory.file('a').contents(),
        directory.file('b').contents(),
        directory.directory('c').entries(),
        directory.file('c/secret').contents(),
        base().withDirectory('/copied', directory).file('/copied/a').contents(),
        base().withMountedDirectory('/mounted', directory).withExec(['cat', '/mounted/a']).stdout(),
      ]);
      return (await Promise.all(reads.map(errorOf))).filter((error) => error.startsWith('no error'));
    },
    [],
  ],
  [
    'a file of the host written through a link',
    async () => {
      const folder = await host({ kept: 'kept' });
      const kept = join(folder, 'kept');
      const linked = dag.directory().withSymlink(kept, 'l');
      await errorOf(base().withDirectory('/d', linked).withNewFile('/d/l', 'changed').sync());
      await errorOf(
        base().withDirectory('/d', linked).withExec(['echo', 'changed'], { redirectStdout: '/d/l' }).sync(),
      );
      await errorOf(linked.withNewFile('l', 'changed').sync());
      return dag.host().file(kept).contents();
    },
    'kept',
  ],
  [
    'processes of the host',
    () => base().withExec(sh('cat /proc/[0-9]*/comm | sort -u; ps')).stdout(),
    expect.not.stringMatching(/node|crun|runc|pasta|vitest/),
  ],
  [
    'the environment of the engine',
    async () => {
      const search = sh(`${SEARCH} /proc/1/environ /proc/self/environ || echo none`);
      const own = base().withEnvVariable('OWN', CANARY).withExec(search).stdout();
      return [await own, await base().withExec(search).stdout()];
    },
    ['/proc/1/environ\n/proc/self/environ\n', 'none\n'],
  ],
  [
    'kernel modules',
    () => unrefused(base().withNewFile('/evil.ko', '\x7fELF'), DENIED, ['insmod /evil.ko', 'rmmod loop']),
    [],
  ],
  [
    'the time',
    () => unrefused(base(), DENIED, ['date -s 2020-01-01; test $(date +%Y) -lt 2021', 'adjtimex -t 10001']),
    [],
  ],
  [
    'the name of the host',
    async () => [
      await unrefused(base(), DENIED, ['hostname evil', 'dnsdomainname; hostname -F /etc/passwd']),
      hostname(),
    ],
    [[], hostname()],
  ],
  [
    'settings of the kernel',
    () =>
      unrefused(base(), READ_ONLY, [
        'echo evil > /proc/sys/kernel/hostname',
        'echo "|/evil" > /proc/sys/kernel/core_pattern',
        'echo 1 > /proc/sys/net/ipv4/ip_forward',
        'echo b > /proc/sysrq-trigger',
        'echo 1 > /sys/kernel/uevent_seqnum',
        'echo 1 > /sys/class/net/lo/mtu',
        'mkdir /sys/fs/cgroup/evil',
        'mkdir /sys/evil',
        'sysctl -w kernel.panic=1',
        'echo -1000 > /proc/1/oom_score_adj',
      ]),
    [],
  ],
  [
    'the memory of the kernel, its keys and its log',
    async () => [
      await base()
        .withExec(sh('cat /proc/kcore /proc/keys /proc/timer_list /proc/interrupts | wc -c; ls /sys/firmware'))
        .stdout(),
      await unrefused(base(), /not permitted|denied|No such file/, [
        'dmesg',
        'devmem 0',
        'cat /dev/mem',
        'cat /dev/kmsg',
      ]),
    ],
    ['0\n', []],
  ],
  [
    'raw devices',
    () =>
      unrefused(base(), DENIED, [
        'mknod /sda b 8 0 && head -c 1 /sda',
        'mknod /vda b 254 0 && head -c 1 /vda',
        'mknod /loop b 7 0 && head -c 1 /loop',
        'mknod /mem c 1 1 && head -c 1 /mem',
        'mknod /kmsg c 1 11 && head -c 1 /kmsg',
        'mknod /dev/fuse c 10 229 && head -c 1 /dev/fuse',
      ]),
    [],
  ],
  [
    'devices in layers',
    () =>
      base()
        .withMountedDirectory('/rw', dag.directory())
        .withMountedDirectory('/ro', dag.directory(), { readOnly: true })
        .withExec(sh('grep "^overlay" /proc/self/mounts | grep -vc "[ ,]nodev[, ]"; true'))
        .stdout(),
    '0\n',
  ],
  ['devices of the host in /dev', () => base().withExec(['find', '/dev', '-type', 'b']).stdout(), ''],

  // ── namespaces and mounts ─────────────────────────────────────────────────────────────
  [
    'mounts',
    () =>
      unrefused(base().withNewFile('/m/f', ''), DENIED, [
        'mount -t tmpfs none /m',
        'mount -t proc none /m',
        'mount -t sysfs none /m',
        'mount -o bind / /m',
        'mount -o remount,rw /sys',
        'mount -o remount,rw /proc/sys',
        'umount /proc/sys',
        'umount /proc',
        'pivot_root / /m',
        'swapon /m/f',
      ]),
    [],
  ],
  [
    'new namespaces, and those of the first process',
    () =>
      unrefused(base(), DENIED, [
        'unshare -U true',
        'unshare -m true',
        'unshare -n true',
        'unshare -p true',
        'nsenter -t 1 -m true',
        'nsenter -t 1 -n true',
      ]),
    [],
  ],
  [
    'other network namespaces',
    async () => [
      await base().withExec(['ls', '/sys/class/net']).stdout(),
      await base().withExec(sh('tail -n +2 /proc/net/unix | wc -l; tail -n +2 /proc/net/tcp | wc -l')).stdout(),
    ],
    ['eth0\nlo\n', '0\n0\n'],
  ],
  [
    'privileges beyond Docker’s default, as root and as a user, and more by a set-user-id program',
    async () => {
      const privileges = sh('grep -E "CapEff|NoNewPrivs|Seccomp:" /proc/self/status | tr -s "\\t\\n" "  "');
      const withSetUserId = base().withExec(sh('cp /bin/busybox /id; chmod 4755 /id'));
      return [
        await base().withExec(privileges).stdout(),
        await base().withUser('app').withExec(privileges).stdout(),
        await withSetUserId.withUser('app').withExec(['/id', '-u']).stdout(),
      ];
    },
    [
      'CapEff: 00000000a80425fb NoNewPrivs: 1 Seccomp: 2 ',
      'CapEff: 0000000000000000 NoNewPrivs: 1 Seccomp: 2 ',
      '1000\n',
    ],
  ],

  // ── the network ───────────────────────────────────────────────────────────────────────
  [
    'the host’s loopback, its other addresses and link-local ones',
    async () => {
      const server = createServer((socket) => socket.on('error', () => {}).end('reached')).listen(0, '0.0.0.0');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const hosts = [...hostAddresses(), '127.0.0.1', '10.87.0.1', '169.254.0.1', '169.254.1.1', '169.254.169.254'];
      const step = base().withServiceBinding('h', dag.host().service([{ backend: port, frontend: 80 }]));
      const answers = [
        await step.withExec(sh('nc h 80 < /dev/null')).stdout(),
        await reached(step, [...hosts.map((address) => `${address} ${port}`), '169.254.169.254 80']),
      ];
      server.close();
      return answers;
    },
    ['reached', []],
  ],
  [
    'the loopback of a service',
    () =>
      base()
        .withServiceBinding('w', web(t, 'other').asService())
        .withExec(sh('wget -qO- http://127.0.0.1:8080/index.html 2> /dev/null || echo refused'))
        .stdout(),
    'refused\n',
  ],

  [
    // As with a Dagger Engine, whose containers share one bridge (dagger/dagger#4505); there those of other sessions do, too.
    'what the session serves, by its address from a step that is not bound to it, and from a step of another session',
    async () => {
      const server = createServer((socket) => socket.on('error', () => {}).end('reached')).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const services = {
        host: dag.host().service([{ backend: port, frontend: 8080 }]),
        web: web(t, 'other').asService(),
      };
      await Promise.all(Object.values(services).map((service) => service.start()));
      const bound = Object.entries(services).reduce(
        (to, [name, service]) => to.withServiceBinding(name, service),
        base(),
      );
      const script = "sed -n 's/^\\(10\\..*\\) \\(host\\|web\\)$/\\1 8080/p' /etc/hosts";
      const addresses = (await bound.withExec(sh(script)).stdout()).trim().split('\n');
      const here = await reached(base(), addresses);
      const other = await openSession({ XDG_CACHE_HOME: join(t.tmp, 'cache') });
      const ask = await other.from(t.archive);
      const there = await ask(
        inSession(
          addresses
            .map((address) => `nc -w 2 ${address} </dev/null`)
            .concat('true')
            .join('; '),
        ),
      );
      await other.close();
      await Promise.all(Object.values(services).map((service) => service.stop()));
      server.close();
      return [addresses.length, here.sort().join() === addresses.sort().join(), there];
    },
    [2, true, ''],
  ],

  // ── other steps ───────────────────────────────────────────────────────────────────────
  [
    'secrets and files of a step that runs at the same time',
    async () => {
      // Of this run: were one of the two answered from the cache, the other would wait for it for ever.
      const meeting = dag.cacheVolume(`meeting ${randomUUID()}`);
      const holder = base()
        .withSecretVariable('HELD', dag.setSecret('held', CANARY))
        .withMountedSecret('/run/held', dag.setSecret('held file', CANARY))
        .withMountedCache('/meeting', meeting)
        .withExec(
          sh(
            'cat /run/held > /tmp/copy; sleep 60 & touch /meeting/held; until test -e /meeting/seen; do sleep 0.05; done; test -s /run/held; kill $!',
          ),
        );
      const spy = base()
        .withMountedCache('/meeting', meeting)
        .withExec(
          sh(
            `until test -e /meeting/held; do sleep 0.05; done
             ${SEARCH} /proc/[0-9]*/environ /proc/[0-9]*/root/run/held /run/held /proc/[0-9]*/root/tmp/copy 2> /dev/null
             find / -name held -o -name copy 2> /dev/null | grep -v /meeting
             grep -E "s[l]eep 60" /proc/[0-9]*/cmdline
             touch /meeting/seen; echo nothing else`,
          ),
        );
      const [, seen] = await Promise.all([holder.sync(), spy.stdout()]);
      return seen;
    },
    'nothing else\n',
  ],
  [
    'what another step wrote beside its layer',
    async () => {
      await base()
        .withMountedTemp('/t')
        .withExec(sh(`echo ${CANARY} | tee /t/left /dev/shm/left > /dev/null`))
        .sync();
      return base().withMountedTemp('/t').withExec(sh('ls /t /dev/shm/ /dev/mqueue; true')).stdout();
    },
    '/dev/mqueue:\n\n/dev/shm/:\n\n/t:\n',
  ],

  // ── what remains ──────────────────────────────────────────────────────────────────────
  [
    'what an ordinary step does',
    () =>
      failed(base().withServiceBinding('w', web(t, 'body').asService()), [
        'touch /f && chown app:nogroup /f && chmod 640 /f && test "$(stat -c "%a %u %g" /f)" = "640 1000 65534"',
        'ln /f /hard && ln -s /f /soft && mkfifo /pipe',
        'test "$(su app -c "id -u")" = 1000',
        'mkdir -p /r/bin && cp /bin/busybox /r/bin && chroot /r /bin/busybox true',
        'sleep 60 & kill -9 $!',
        'head -c 8 /dev/urandom > /dev/null && echo x > /dev/null',
        'dd if=/dev/zero of=/dev/shm/f bs=1M count=1 && rm /dev/shm/f',
        'ls /sys/class/net && cat /proc/meminfo && cat /proc/sys/kernel/hostname && mount',
        'httpd -p 81 && wget -qO- http://127.0.0.1:81/f; test "$(wget -qO- http://w:8080/index.html)" = body',
      ]),
    [],
  ],
];
testRows(rows);

// Without root no control group may be made, and the engine says so.
test.runIf(process.getuid?.() === 0)('more processes than a step may have', async () => {
  const meeting = dag.cacheVolume(`groups ${randomUUID()}`);
  const until = (condition: string) => `until ${condition}; do sleep 0.05; done`;
  const member = base()
    .withMountedCache('/m', meeting)
    .withExec(sh(`cat /proc/self/cgroup > /m/own; ${until('test -e /m/seen')}`))
    .sync();
  const groups = await base()
    .withMountedCache('/m', meeting)
    .withExec(sh(`${until('test -s /m/own')}; cat /m/own`))
    .stdout();
  const own = /:(?:pids)?:(\/drydock\/.*)/.exec(groups)?.[1];
  const limits = ['', 'pids', 'unified'].map((hierarchy) => join('/sys/fs/cgroup', hierarchy, own ?? '', 'pids.max'));
  const found = limits.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8'));
  await base().withMountedCache('/m', meeting).withExec(sh('touch /m/seen')).sync();
  await member;
  expect(found).toEqual(['8192\n']);
});
