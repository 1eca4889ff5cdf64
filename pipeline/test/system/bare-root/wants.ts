// What the bare roots are made of.
import type { Wants } from '../../../engine/images/assembled/wants.ts';

export const SUITES = ['bookworm', 'trixie'] as const;
export type Suite = (typeof SUITES)[number];

/** What Debian calls essential, Node with npm, git and certificates: what the README asks for, and nothing else. */
export const wantsOf = (suite: Suite): Wants => ({
  debian: {
    suite,
    essential: true,
    packages: ['mawk', 'usr-is-merged', 'ca-certificates', 'git', 'libatomic1', 'libstdc++6', 'passwd'],
    dependencies: true,
    without: {
      openssl: 'only the maintainer script of ca-certificates calls it, and the bundle is made here',
      perl: 'only rare commands of git are written in it',
      'liberror-perl': 'comes with perl only',
      'git-man': 'nobody reads it here',
    },
  },
  npm: [
    { name: 'node-linux-{cpu}', version: '24.21.0' },
    { name: 'npm', version: '11.19.0' },
  ],
  pypi: [],
});
