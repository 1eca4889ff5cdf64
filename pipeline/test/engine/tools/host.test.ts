// What a person is told to install where the engine's own tools cannot be fetched: rows of machines.
import { expect, test } from 'vitest';
import { installCommand, missingPackages, parseOsRelease } from '../../../engine/tools/host.ts';

const released: [name: string, text: string, words: string[]][] = [
  ['Debian', 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n', ['debian']],
  ['Ubuntu', 'ID=ubuntu\nID_LIKE=debian\n', ['ubuntu', 'debian']],
  ['Rocky Linux', 'ID="rocky"\nID_LIKE="rhel centos fedora"\n', ['rocky', 'rhel', 'centos', 'fedora']],
  [
    'openSUSE',
    'NAME="openSUSE Tumbleweed"\nID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n',
    ['opensuse-tumbleweed', 'opensuse', 'suse'],
  ],
  ['a system that says nothing', '', []],
];
for (const [name, text, words] of released)
  test(`os-release of ${name}`, () => expect(parseOsRelease(text)).toEqual(words));

const commands: [name: string, distribution: string[], isRoot: boolean, command: string][] = [
  [
    'Debian, whose lists of packages may be empty',
    ['debian'],
    true,
    'apt-get update && apt-get install -y --no-install-recommends mount iproute2',
  ],
  [
    'Ubuntu, without root',
    ['ubuntu', 'debian'],
    false,
    'sudo apt-get update && sudo apt-get install -y --no-install-recommends mount iproute2',
  ],
  ['Fedora, where they have other names', ['fedora'], false, 'sudo dnf install -y util-linux iproute'],
  ['Arch Linux', ['arch'], true, 'pacman -S --needed util-linux iproute2'],
  ['an unknown one', ['plan9'], true, "install mount iproute2 with this machine's package manager"],
];
for (const [name, distribution, isRoot, command] of commands) {
  test(`the one command for ${name}`, () =>
    expect(installCommand(['mount', 'iproute2'], distribution, isRoot)).toBe(command));
}

test('runc does as well as crun, and each package is named once', () => {
  const has = (...names: string[]) => missingPackages((name) => names.includes(name));
  expect(has('runc', 'tini-static', 'unshare', 'mount', 'ip', 'pasta', 'nft')).toEqual([]);
  expect(has('crun', 'mount')).toEqual(['tini', 'util-linux', 'iproute2', 'passt', 'nftables']);
});
