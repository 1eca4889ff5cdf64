// A machine as a newcomer has it: Debian's essential packages, Node, git and certificates, an ordinary user without sudo; no terminal, no CI variable.
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx';
import { assembleStandIn } from '../../../engine/images/assembled/assemble.ts';
import { parseLock } from '../../../engine/images/assembled/lock-file.ts';
import { essentialSetup, npmSetup } from '../../../engine/images/assembled/recipes.ts';
import * as steps from '../../../engine/images/assembled/steps.ts';
import { packageFolder } from '../../../engine/store/store.ts';
import { installTools } from '../../../engine/tools/install.ts';
import { copyPackages, temporaryFolder } from '../support.ts';
import type { Suite } from './wants.ts';

export const USERS = ['root', 'someone'] as const;
type User = (typeof USERS)[number];

const LABEL = 'bare-machine';
const PREFIX = `drydock-${LABEL}-`;
const ID = 1000;
const homeOf = (user: User) => (user === 'root' ? 'root' : `home/${user}`);

export type BareRoot = {
  /** Runs a shell command in a copy of the checkout there. */
  run: (command: string) => Promise<{ exitCode: number | null; output: string }>;
  /** Where that copy is. */
  checkout: string;
};

export async function makeBareRoot(suite: Suite, user: User, checkout: string): Promise<BareRoot> {
  const folder = await temporaryFolder(`${LABEL}-${suite}`);
  const [root, layout, tools] = [join(folder, 'root'), join(folder, 'layout'), join(folder, 'tools')];
  const packages = { packages: packageFolder(), cache: packageFolder(), offline: false, log: () => {} };
  await assembleStandIn(recipeOf(suite), `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`, {
    ...packages,
    destination: layout,
  });
  await installTools({ ...packages, folder: tools });
  mkdirSync(root);
  for (const blob of layersOf(layout)) await $`tar --extract --numeric-owner --file ${blob} --directory ${root}`;
  bringConnections(root, homeOf(user));
  const home = join(root, homeOf(user));
  await $`cp --archive ${checkout} ${join(home, 'drydock')}`;
  await copyPackages(join(home, '.cache'));
  if (user !== 'root') await $`chown --recursive ${ID}:${ID} ${home}`;
  const run = async (command: string) => {
    const ran = await $({
      nothrow: true,
      quiet: true,
      input: '',
    })`unshare --mount --pid --fork --kill-child sh -euc ${ENTER} enter ${tools} ${root} ${user} ${command}`;
    return { exitCode: ran.exitCode, output: ran.stdall };
  };
  return { run, checkout: join(home, 'drydock') };
}

/**
 * Moved over the old root, not just entered: a namespace that a program joins later must not lead out. The machine may have no `mount`, and its
 * `/dev/net/tun` may be root's alone, where no udev runs; a newcomer's is everybody's.
 */
const ENTER = `
mount() { "$tools/lib/ld.so" --library-path "$tools/lib" "$tools/bin/mount" "$@"; }
tools=$1 root=$2 user=$3 command=$4
mount --make-rprivate /
mount --bind "$root" "$root"
for folder in proc dev sys tmp; do mkdir -p "$root/$folder"; done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/dev/net"
mknod -m 666 "$root/dev/net/tun" c 10 200
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup" || true
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
cd "$root"
mount --move . /
as=
[ "$user" = root ] || as="setpriv --reuid=$user --regid=$user --clear-groups"
home=$([ "$user" = root ] && echo /root || echo "/home/$user")
exec chroot . env -i HOME="$home" USER="$user" LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \\
  $as sh -c "cd '$home/drydock' && $command"
`;

function recipeOf(suite: Suite) {
  const lock = parseLock(JSON.parse(readFileSync(new URL(`./${suite}.json`, import.meta.url), 'utf8')));
  const someone = { name: 'someone', uid: ID, home: '/home/someone', shell: '/bin/sh' };
  const layer = {
    title: `Debian ${suite}`,
    steps: [
      steps.unpackDebian({ keep: steps.slim, status: 'file' }),
      ...essentialSetup,
      steps.certificateBundle,
      steps.accounts([someone]),
      steps.unpackNpm('node-linux-{cpu}', { 'bin/node': 'usr/local/bin/node' }),
      ...npmSetup,
    ],
  };
  return { reference: `bare:${suite}`, digest: '', lock, layers: [layer], config: {} };
}

function layersOf(layout: string): string[] {
  const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'));
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  const { layers } = JSON.parse(readFileSync(blob(manifests[0].digest), 'utf8')) as { layers: { digest: string }[] };
  return layers.map(({ digest }) => blob(digest));
}

/** Names, certificates and registries as this machine has them. */
function bringConnections(root: string, home: string): void {
  for (const file of ['/etc/resolv.conf', '/etc/hosts']) copyFileSync(file, join(root, file));
  const bundle = process.env.NODE_EXTRA_CA_CERTS;
  if (bundle) copyFileSync(bundle, join(root, 'etc/ssl/certs/ca-certificates.crt'));
  if (existsSync('/etc/apt')) cpSync('/etc/apt', join(root, 'etc/apt'), { recursive: true });
  if (existsSync(join(homedir(), '.npmrc'))) copyFileSync(join(homedir(), '.npmrc'), join(root, home, '.npmrc'));
}

/** Mounts and processes of such machines that are still there. */
export const leftovers = (): string[] => [
  ...readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(PREFIX)),
  ...readdirSync('/proc').filter((name) => /^\d+$/.test(name) && commandLine(name).includes(PREFIX)),
];

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // it has ended
  }
}
