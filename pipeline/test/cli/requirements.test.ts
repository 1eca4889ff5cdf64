// What may be done about missing programs: by family of the system, and by who is asking.
import { expect, test } from 'vitest';
import { type Machine, parseOsRelease, planInstall } from '../../cli/requirements.ts';
import { toRefusal } from './make.ts';

function machine(over: Partial<Machine> = {}): Machine {
  return {
    missing: ['crun', 'tini-static'],
    distribution: ['debian'],
    isRoot: false,
    hasSudo: false,
    isAllowed: false,
    canAsk: false,
    ...over,
  };
}

/** A plan in one line: what is done, and the command or hint. */
function told(over: Partial<Machine>): string {
  const plan = planInstall(machine(over));
  switch (plan.kind) {
    case 'nothing':
      return 'nothing';
    case 'install':
    case 'ask':
      return `${plan.kind}: ${plan.command.join(' ')}`;
    case 'refuse':
      return `refuse: ${plan.error.hint}`;
  }
}

const APT = 'apt-get install -y --no-install-recommends crun tini';

const who: [root: boolean, sudo: boolean, allowed: boolean, ask: boolean, plan: string][] = [
  [true, false, true, false, `install: ${APT}`],
  [true, false, true, true, `install: ${APT}`],
  [true, false, false, true, `ask: ${APT}`],
  [true, false, false, false, `refuse: ${APT}`],
  [false, true, true, false, `install: sudo -n ${APT}`],
  [false, true, true, true, `install: sudo -n ${APT}`],
  [false, true, false, true, `ask: sudo -n ${APT}`],
  [false, true, false, false, `refuse: sudo ${APT}`],
  [false, false, true, true, `refuse: sudo ${APT}`],
  [false, false, true, false, `refuse: sudo ${APT}`],
  [false, false, false, true, `refuse: sudo ${APT}`],
  [false, false, false, false, `refuse: sudo ${APT}`],
];
for (const [isRoot, hasSudo, isAllowed, canAsk, plan] of who) {
  const names = { isRoot, hasSudo, isAllowed, canAsk };
  const label = Object.entries(names).flatMap(([name, is]) => (is ? [name] : []));
  test(`on Debian, with ${label.join(', ') || 'no rights'}`, () => expect(told(names)).toBe(plan));
  // Elsewhere nothing is ever installed by us: the command is named.
  test(`on Arch, with ${label.join(', ') || 'no rights'}`, () => {
    expect(told({ ...names, distribution: ['arch'] })).toBe(
      `refuse: ${isRoot ? '' : 'sudo '}pacman -S --needed crun tini`,
    );
  });
}

const ALL = ['crun', 'tini-static', 'unshare', 'nsenter', 'mount', 'ip', 'pasta', 'nft', 'newuidmap', 'newgidmap'];
const families: [distribution: string[], command: string][] = [
  [['debian'], 'apt-get install -y --no-install-recommends crun tini util-linux mount iproute2 passt nftables uidmap'],
  [
    ['ubuntu', 'debian'],
    'apt-get install -y --no-install-recommends crun tini util-linux mount iproute2 passt nftables uidmap',
  ],
  [
    ['linuxmint', 'ubuntu', 'debian'],
    'apt-get install -y --no-install-recommends crun tini util-linux mount iproute2 passt nftables uidmap',
  ],
  [['fedora'], 'dnf install -y crun tini util-linux iproute passt nftables shadow-utils'],
  [['rhel', 'fedora'], 'dnf install -y crun tini util-linux iproute passt nftables shadow-utils'],
  [['rocky', 'rhel', 'centos', 'fedora'], 'dnf install -y crun tini util-linux iproute passt nftables shadow-utils'],
  [['arch'], 'pacman -S --needed crun tini util-linux iproute2 passt nftables shadow'],
  [['manjaro', 'arch'], 'pacman -S --needed crun tini util-linux iproute2 passt nftables shadow'],
  [['alpine'], 'apk add crun tini util-linux iproute2 passt nftables shadow-uidmap'],
  [['opensuse-leap', 'suse', 'opensuse'], 'zypper install -y crun tini util-linux iproute2 passt nftables shadow'],
];
for (const [distribution, command] of families) {
  test(`all that is missing on ${distribution.join(', ')}`, () => {
    expect(told({ distribution, missing: ALL })).toBe(`refuse: sudo ${command}`);
    expect(told({ distribution, missing: ALL, isRoot: true })).toBe(`refuse: ${command}`);
  });
}

for (const distribution of [['nixos'], []]) {
  test(`a family that is not known: ${JSON.stringify(distribution)}`, () => {
    expect(told({ distribution, isRoot: true, isAllowed: true })).toBe('refuse: install crun, tini');
  });
}

test('nothing is missing', () => expect(told({ missing: [] })).toBe('nothing'));

test('a package is named once', () => {
  expect(planInstall(machine({ missing: ['unshare', 'nsenter', 'ip'], isRoot: true, isAllowed: true }))).toEqual({
    kind: 'install',
    packages: ['util-linux', 'iproute2'],
    command: ['apt-get', 'install', '-y', '--no-install-recommends', 'util-linux', 'iproute2'],
  });
});

test('a program that no table knows is its own package', () => {
  expect(told({ missing: ['fancy'], isRoot: true })).toBe('refuse: apt-get install -y --no-install-recommends fancy');
});

test('a refusal names the programs', () => {
  const plan = planInstall(machine());
  if (plan.kind !== 'refuse') throw new Error(plan.kind);
  expect(toRefusal(plan.error)).toEqual({
    code: 'MISSING_PROGRAMS',
    exitCode: 3,
    message: 'the embedded engine needs crun, tini-static',
    hint: `sudo ${APT}`,
  });
});

const releases: [name: string, text: string, words: string[]][] = [
  [
    'Debian',
    'PRETTY_NAME="Debian GNU/Linux 12"\nNAME="Debian"\nVERSION_ID="12"\nID=debian\nHOME_URL="x"\n',
    ['debian'],
  ],
  ['Ubuntu', 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', ['ubuntu', 'debian']],
  ['Rocky', 'ID="rocky"\nID_LIKE="rhel centos fedora"\n', ['rocky', 'rhel', 'centos', 'fedora']],
  ['openSUSE', "ID='opensuse-leap'\nID_LIKE='suse opensuse'\n", ['opensuse-leap', 'suse', 'opensuse']],
  ['in another order', 'ID_LIKE=debian\nID=mint', ['mint', 'debian']],
  ['other IDs', 'VERSION_ID=12\nVARIANT_ID=x\nBUILD_ID=y\n', []],
  ['an empty one', 'ID=\nID_LIKE=""\n', []],
  ['nothing', '', []],
];
for (const [name, text, expected] of releases) {
  test(`os-release: ${name}`, () => expect(parseOsRelease(text)).toEqual(expected));
}
