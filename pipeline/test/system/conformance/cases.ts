// What a Dagger session must answer, as small cases written against the public TypeScript SDK.
// Each returns plain JSON; expected.json holds what a real Dagger Engine v0.21.8 answered.
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { sh, type Tools, tree, web } from '../sdk-session.ts';
import { dockerCases } from './docker-cases.ts';
import { gitDaemon, served } from './neighbours.ts';

type Case = (t: Tools) => Promise<unknown>;

export const cases: Record<string, Case> = {
  // ── exec ────────────────────────────────────────────────────────────────────────────────
  'exec/stdout': (t) => t.base().withExec(['echo', 'hi']).stdout(),
  'exec/stderr': (t) => t.base().withExec(sh('echo out; echo err >&2')).stderr(),
  'exec/combined': (t) =>
    t.base().withExec(sh('echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three')).combinedOutput(),
  'exec/exit-code': (t) => t.base().withExec(['true']).exitCode(),
  'exec/failure': (t) => t.failure(t.base().withExec(sh('echo out; echo err >&2; exit 7')).sync()),
  'exec/expect-any': async (t) => {
    const c = t.base().withExec(sh('echo kept > /kept; exit 3'), { expect: t.sdk.ReturnType.Any });
    return [await c.exitCode(), await c.file('/kept').contents()];
  },
  'exec/expect-failure': (t) => t.base().withExec(sh('exit 4'), { expect: t.sdk.ReturnType.Failure }).exitCode(),
  'exec/expect-failure-but-success': (t) =>
    t.failure(t.base().withExec(['true'], { expect: t.sdk.ReturnType.Failure }).sync()),
  'exec/missing-command': async (t) => (await t.failure(t.base().withExec(['no-such-command']).sync())).name,
  'exec/stdin': (t) => t.base().withExec(['cat'], { stdin: 'from stdin' }).stdout(),
  'exec/redirect-stdout': (t) =>
    t
      .base()
      .withExec(sh('echo a; echo b >&2'), { redirectStdout: '/out', redirectStderr: '/err' })
      .withExec(['cat', '/out', '/err'])
      .stdout(),
  'exec/workdir-default': (t) => t.base().withExec(['pwd']).stdout(),
  'exec/workdir-relative': (t) => t.base().withWorkdir('/a').withWorkdir('b').withExec(['pwd']).stdout(),
  'exec/user-by-name': (t) => t.base().withUser('app').withExec(sh('id -u; id -g; echo $HOME')).stdout(),
  'exec/user-by-id': (t) => t.base().withUser('1000:65534').withExec(sh('id -u; id -g')).stdout(),
  'exec/user-unknown': async (t) => (await t.failure(t.base().withUser('ghost').withExec(['id']).sync())).name,
  'exec/entrypoint-unused': (t) => t.base().withEntrypoint(['echo', 'entry']).withExec(['echo', 'plain']).stdout(),
  'exec/entrypoint-used': (t) =>
    t.base().withEntrypoint(['echo', 'entry']).withExec(['arg'], { useEntrypoint: true }).stdout(),
  'exec/default-args': async (t) => [
    await t.base().defaultArgs(),
    await t.base().withDefaultArgs(['x']).defaultArgs(),
    await t.base().withDefaultArgs(['x']).withEntrypoint(['e']).defaultArgs(),
    await t.base().withEntrypoint(['e'], { keepDefaultArgs: true }).defaultArgs(),
  ],
  'exec/no-command-yet': (t) => t.failure(t.base().stdout()),
  'exec/env-expand': (t) =>
    t
      .base()
      .withEnvVariable('A', '1')
      .withEnvVariable('B', '${A}2', { expand: true })
      .withEnvVariable('C', '${A}3')
      .withExec(sh('echo $B $C'))
      .stdout(),
  'exec/args-expand': (t) =>
    t.base().withEnvVariable('A', '1').withExec(['echo', '${A}', '$A'], { expand: true }).stdout(),
  'exec/env-of-image': (t) => t.base().envVariable('BASE'),
  'exec/env-removed': async (t) => await t.base().withoutEnvVariable('BASE').withExec(sh('echo [$BASE]')).stdout(),
  'exec/env-listed': async (t) =>
    Promise.all(
      (await t.base().withEnvVariable('A', '1').envVariables()).map(async (v) => [await v.name(), await v.value()]),
    ),
  'exec/layers-stack': (t) => t.base().withExec(sh('echo 1 > /f')).withExec(sh('echo 2 >> /f')).file('/f').contents(),
  'exec/pid-one-reaps': (t) => t.base().withExec(sh('test -r /proc/1/cmdline && echo ok')).stdout(),
  'exec/dev-nodes': (t) =>
    t
      .base()
      .withExec(
        sh(
          'for f in null zero full random urandom tty stdin stdout stderr fd shm pts; do test -e /dev/$f && echo $f; done',
        ),
      )
      .stdout(),
  'exec/tmp-is-a-layer': (t) => t.base().withExec(sh('echo x > /tmp/f')).file('/tmp/f').contents(),
  'exec/no-host-leak': (t) => t.base().withExec(sh("ls / | sort | tr '\\n' ' '")).stdout(),
  'exec/large-output': async (t) => (await t.base().withExec(sh('seq 1 200000')).stdout()).length,
  'exec/binary-args': (t) => t.base().withExec(['printf', '%s|', 'a b', '', 'ü', 'new\nline']).stdout(),
  'exec/lazy': async (t) => {
    t.base().withExec(['false']);
    return 'not run';
  },

  // ── caching ─────────────────────────────────────────────────────────────────────────────
  'cache/same-exec-once': async (t) => {
    const run = () => t.base().withExec(sh('cat /proc/sys/kernel/random/uuid')).stdout();
    const first = await run();
    return first === (await run());
  },
  'cache/env-busts': async (t) => {
    const run = (v: string) =>
      t.base().withEnvVariable('BUST', v).withExec(sh('cat /proc/sys/kernel/random/uuid')).stdout();
    return (await run('1')) === (await run('2'));
  },
  'cache/by-content': async (t) => {
    const run = async () =>
      t
        .base()
        .withDirectory('/d', t.dag.host().directory(await t.host({ 'a.txt': 'same', 'sub/b.txt': 'too' })))
        .withExec(sh('cat /proc/sys/kernel/random/uuid'))
        .stdout();
    const first = await run();
    return first === (await run());
  },
  'cache/digest-by-content': async (t) => {
    const d = async () =>
      t.dag
        .host()
        .directory(await t.host({ 'a.txt': 'same' }))
        .digest();
    const first = await d();
    return first === (await d());
  },
  'cache/volume-persists': async (t) => {
    const vol = t.dag.cacheVolume(`conformance-${Date.now()}`);
    await t.base().withMountedCache('/c', vol).withExec(sh('echo kept > /c/f')).sync();
    return t.base().withMountedCache('/c', vol).withExec(sh('cat /c/f; echo')).stdout();
  },
  'cache/volume-not-in-rootfs': async (t) => {
    const c = t.base().withMountedCache('/c', t.dag.cacheVolume('conformance-x')).withExec(sh('echo x > /c/f'));
    return [await c.rootfs().exists('/c/f'), (await t.failure(c.directory('/c').entries())).name];
  },

  // ── files and directories ───────────────────────────────────────────────────────────────
  // Not the folder's size: that is its file system's.
  'fs/new-file': async (t) =>
    t.base().withNewFile('/a/b/f', 'text').withExec(sh("stat -c '%a %u %g %s' /a/b/f; stat -c '%a %u %g' /a")).stdout(),
  'fs/new-file-mode': (t) =>
    t
      .base()
      .withNewFile('/f', 'x', { permissions: 0o755, owner: 'app' })
      .withExec(sh("stat -c '%a %u %g' /f"))
      .stdout(),
  'fs/entries': (t) => t.dag.directory().withNewFile('b', '').withNewFile('a/x', '').withNewFile('c/d/e', '').entries(),
  'fs/glob': (t) =>
    t.dag.directory().withNewFile('a.ts', '').withNewFile('s/b.ts', '').withNewFile('s/c.js', '').glob('**/*.ts'),
  'fs/glob-all': (t) => t.dag.directory().withNewFile('a.ts', '').withNewFile('s/b.ts', '').glob('**/*'),
  'fs/include': async (t) =>
    tree(
      t.dag
        .directory()
        .withDirectory(
          '/',
          t.dag.directory().withNewFile('a.ts', '').withNewFile('s/b.ts', '').withNewFile('s/c.js', ''),
          { include: ['**/*.ts'] },
        ),
    ),
  'fs/exclude': async (t) =>
    tree(
      t.dag
        .directory()
        .withDirectory(
          '/',
          t.dag.directory().withNewFile('a.ts', '').withNewFile('n/b.ts', '').withNewFile('n/c.js', ''),
          { exclude: ['n'] },
        ),
    ),
  'fs/exclude-negated': async (t) =>
    tree(
      t.dag
        .directory()
        .withDirectory(
          '/',
          t.dag.directory().withNewFile('a.ts', '').withNewFile('n/b.ts', '').withNewFile('n/c.js', ''),
          { exclude: ['n/*', '!n/c.js'] },
        ),
    ),
  'fs/merge': async (t) => {
    const d = t.dag
      .directory()
      .withNewFile('x/a', '1')
      .withNewFile('x/b', '1')
      .withDirectory('x', t.dag.directory().withNewFile('b', '2').withNewFile('c', '2'));
    return [await tree(d), await d.file('x/b').contents()];
  },
  'fs/without': async (t) =>
    tree(
      t.dag
        .directory()
        .withNewFile('a', '')
        .withNewFile('d/b', '')
        .withNewFile('e/c', '')
        .withoutFile('a')
        .withoutDirectory('d'),
    ),
  'fs/without-missing': async (t) =>
    tree(t.dag.directory().withNewFile('a', '').withoutFile('zzz').withoutDirectory('yyy')),
  'fs/subdirectory': async (t) => [
    await t.dag.directory().withNewFile('a/b/c', 'x').directory('a').entries(),
    await t.dag.directory().withNewFile('a/b/c', 'x').directory('a').file('b/c').contents(),
  ],
  'fs/missing-file': async (t) => {
    const e = await t.failure(t.dag.directory().file('nope').contents());
    return [e.name, /nope/.test(e.message)];
  },
  'fs/missing-directory': async (t) => {
    const e = await t.failure(t.dag.directory().directory('nope').entries());
    return [e.name, /nope/.test(e.message)];
  },
  'fs/file-facts': async (t) => {
    const f = t.dag.directory().withNewFile('d/f.txt', '12345').file('d/f.txt');
    return [await f.name(), await f.size(), await f.contents()];
  },
  'fs/exists': async (t) => {
    const d = t.dag.directory().withNewFile('d/f', '');
    return [await d.exists('d'), await d.exists('d/f'), await d.exists('g')];
  },
  'fs/symlink': (t) =>
    t.base().withExec(sh('mkdir /l && echo x > /l/f && ln -s f /l/s')).directory('/l').withNewFile('g', '').entries(),
  'fs/symlink-kept': (t) =>
    t
      .base()
      .withDirectory('/m', t.base().withExec(sh('mkdir /l && ln -s f /l/s')).directory('/l'))
      .withExec(['readlink', '/m/s'])
      .stdout(),
  'fs/owner': (t) =>
    t
      .base()
      .withDirectory('/d', t.dag.directory().withNewFile('x/f', ''), { owner: 'app:nogroup' })
      .withExec(sh("stat -c '%u %g' /d /d/x /d/x/f"))
      .stdout(),
  'fs/owner-kept': (t) =>
    t
      .base()
      .withDirectory(
        '/d',
        t.base().withExec(sh('mkdir /o && touch /o/f && chown 1000:1000 /o/f && chmod 600 /o/f')).directory('/o'),
      )
      .withExec(sh("stat -c '%a %u %g' /d/f"))
      .stdout(),
  'fs/host-owner': async (t) =>
    t
      .base()
      .withDirectory('/d', t.dag.host().directory(await t.host({ f: 'x' })))
      .withExec(sh("stat -c '%u %g' /d/f"))
      .stdout(),
  'fs/timestamps': (t) =>
    t
      .base()
      .withDirectory('/d', t.dag.directory().withNewFile('f', '').withTimestamps(1000000000))
      .withExec(sh("stat -c '%Y' /d/f"))
      .stdout(),
  'fs/diff': async (t) =>
    tree(t.dag.directory().withNewFile('a', '1').diff(t.dag.directory().withNewFile('a', '1').withNewFile('b', '2'))),
  'fs/file-onto-directory': async (t) =>
    tree(t.dag.directory().withFile('out/', t.dag.directory().withNewFile('f.txt', 'x').file('f.txt'))),
  'fs/file-renamed': async (t) =>
    tree(t.dag.directory().withFile('out/g.txt', t.dag.directory().withNewFile('f.txt', 'x').file('f.txt'))),
  'fs/host-exclude': async (t) =>
    tree(
      t.dag
        .host()
        .directory(await t.host({ 'a.ts': '', 'node_modules/x': '', 's/b.ts': '' }), { exclude: ['node_modules'] }),
    ),
  'fs/host-include': async (t) =>
    tree(t.dag.host().directory(await t.host({ 'a.ts': '', 'b.md': '', 's/b.ts': '' }), { include: ['**/*.ts'] })),
  'fs/host-gitignore': async (t) =>
    tree(
      t.dag.host().directory(await t.host({ '.gitignore': '*.log\n', 'a.log': '', 'a.ts': '', 's/b.log': '' }), {
        gitignore: true,
      }),
    ),
  'fs/host-file': async (t) =>
    t.dag
      .host()
      .file(`${await t.host({ f: 'text' })}/f`)
      .contents(),
  'fs/host-missing': async (t) => (await t.failure(t.dag.host().directory('/no/such/folder').entries())).name,
  'fs/export-merges': async (t) => {
    const out = await t.host({ 'old.txt': 'old', 'a.txt': 'old' });
    await t.dag.directory().withNewFile('a.txt', 'new').withNewFile('s/b.txt', 'new').export(out);
    return [await tree(t.dag.host().directory(out)), await t.dag.host().file(`${out}/a.txt`).contents()];
  },
  'fs/export-wipes': async (t) => {
    const out = await t.host({ 'old.txt': 'old' });
    await t.dag.directory().withNewFile('a.txt', 'new').export(out, { wipe: true });
    return tree(t.dag.host().directory(out));
  },
  'fs/file-export': async (t) => {
    const out = await t.host({});
    await t.dag.directory().withNewFile('f', 'text').file('f').export(`${out}/g`);
    return tree(t.dag.host().directory(out));
  },
  'fs/container-directory': async (t) =>
    t
      .base()
      .withDirectory('/d', t.dag.directory().withNewFile('a', ''))
      .withExec(sh('rm /d/a; touch /d/b'))
      .directory('/d')
      .entries(),

  // ── mounts and secrets ──────────────────────────────────────────────────────────────────
  'mount/directory': async (t) => {
    const c = t.base().withMountedDirectory('/m', t.dag.directory().withNewFile('a', '')).withExec(sh('touch /m/b'));
    return [await c.directory('/m').entries(), await c.rootfs().exists('/m/a')];
  },
  'mount/chain': (t) =>
    t
      .base()
      .withMountedDirectory('/m', t.dag.directory())
      .withExec(sh('touch /m/a'))
      .withExec(sh('touch /m/b'))
      .withExec(['ls', '/m'])
      .stdout(),
  'mount/file': async (t) =>
    t
      .base()
      .withMountedFile('/m/f', t.dag.directory().withNewFile('x', 'text').file('x'))
      .withExec(['cat', '/m/f'])
      .stdout(),
  'mount/temp': async (t) => {
    const c = t.base().withMountedTemp('/t').withExec(sh('echo x > /t/f'));
    return c.withExec(sh('ls /t | wc -l')).stdout();
  },
  'mount/removed': (t) =>
    t
      .base()
      .withMountedDirectory('/m', t.dag.directory().withNewFile('a', ''))
      .withoutMount('/m')
      .withExec(sh('ls /m 2>/dev/null | wc -l'))
      .stdout(),
  'secret/env': (t) =>
    t
      .base()
      .withSecretVariable('S', t.dag.setSecret('s1', 'hunter22'))
      .withExec(sh('echo ${#S}; echo value=$S'))
      .stdout(),
  'secret/scrubbed-in-error': async (t) => {
    const e = await t.failure(
      t
        .base()
        .withSecretVariable('S', t.dag.setSecret('s2', 'hunter33'))
        .withExec(sh('echo $S; echo $S >&2; exit 1'))
        .sync(),
    );
    return [e.stdout, e.stderr];
  },
  'secret/file': (t) =>
    t
      .base()
      .withMountedSecret('/run/s', t.dag.setSecret('s3', 'hunter44'))
      .withExec(sh("stat -c '%a %u' /run/s; wc -c < /run/s"))
      .stdout(),
  'secret/file-not-kept': async (t) =>
    t
      .base()
      .withMountedSecret('/run/s', t.dag.setSecret('s4', 'hunter55'))
      .withExec(['true'])
      .rootfs()
      .file('/run/s')
      .size()
      .catch(() => 'gone'),
  'secret/plaintext': async (t) => {
    const s = t.dag.setSecret('s5', 'hunter66');
    return [await s.name(), await s.plaintext()];
  },

  // ── services ────────────────────────────────────────────────────────────────────────────
  'service/binding': (t) =>
    t
      .base()
      .withServiceBinding('web', web(t, 'hello').asService())
      .withExec(['wget', '-qO-', 'http://web:8080/index.html'])
      .stdout(),
  'service/waits-for-port': (t) =>
    t
      .base()
      .withServiceBinding('web', web(t, 'late', 'sleep 2;').asService())
      .withExec(['wget', '-qO-', 'http://web:8080/index.html'])
      .stdout(),
  'service/two': (t) =>
    t
      .base()
      .withServiceBinding('one', web(t, '1').asService())
      .withServiceBinding('two', web(t, '2').asService())
      .withExec(sh('wget -qO- http://one:8080/index.html; wget -qO- http://two:8080/index.html'))
      .stdout(),
  'service/chained': (t) => {
    const back = web(t, 'backend').asService();
    const front = t
      .base()
      .withServiceBinding('back', back)
      .withNewFile('/www/cgi-bin/get', '#!/bin/sh\necho; wget -qO- http://back:8080/index.html\n', {
        permissions: 0o755,
      })
      .withExposedPort(8080)
      .withDefaultArgs(['httpd', '-f', '-p', '8080', '-h', '/www'])
      .asService();
    return t
      .base()
      .withServiceBinding('front', front)
      .withExec(['wget', '-qO-', 'http://front:8080/cgi-bin/get'])
      .stdout();
  },
  'service/endpoint': async (t) => {
    const e = await web(t, 'x').asService().endpoint({ scheme: 'http' });
    return e.replace(/^http:\/\/[a-z0-9.]+:8080$/, 'http://HOST:8080');
  },
  'service/own-hostname': async (t) => {
    const s = await web(t, 'named').asService().withHostname('shop').start();
    try {
      return await t.base().withExec(['wget', '-qO-', 'http://shop:8080/index.html']).stdout();
    } finally {
      await s.stop();
    }
  },
  'service/tunnel': async (t) => {
    const tunnel = await t.dag.host().tunnel(web(t, 'tunnelled').asService()).start();
    try {
      return await (await fetch(`${await tunnel.endpoint({ scheme: 'http' })}/index.html`)).text();
    } finally {
      await tunnel.stop();
    }
  },
  'service/dies': async (t) =>
    (
      await t.failure(
        t
          .base()
          .withExposedPort(9)
          .asService({ args: sh('echo broken >&2; exit 9') })
          .start(),
      )
    ).name,
  'service/args': (t) =>
    t
      .base()
      .withServiceBinding(
        'w',
        t
          .base()
          .withNewFile('/www/index.html', 'args')
          .withExposedPort(8080)
          .asService({ args: ['httpd', '-f', '-p', '8080', '-h', '/www'] }),
      )
      .withExec(['wget', '-qO-', 'http://w:8080/index.html'])
      .stdout(),
  'service/same-port-twice': (t) =>
    t
      .base()
      .withServiceBinding('a', web(t, 'A').asService())
      .withServiceBinding('b', web(t, 'B').withEnvVariable('V', '2').asService())
      .withExec(sh('wget -qO- http://a:8080/index.html; wget -qO- http://b:8080/index.html'))
      .stdout(),

  // ── images ──────────────────────────────────────────────────────────────────────────────
  'image/metadata': async (t) => {
    const c = t
      .base()
      .withLabel('l', '1')
      .withExposedPort(80)
      .withUser('app')
      .withWorkdir('/w')
      .withEntrypoint(['e'])
      .withDefaultArgs(['d']);
    return [
      await c.label('l'),
      await c.label('base'),
      await c.user(),
      await c.workdir(),
      await c.entrypoint(),
      await c.defaultArgs(),
      await c.platform(),
    ];
  },
  'image/tarball': async (t) => {
    const out = await t.host({});
    await t
      .base()
      .withNewFile('/app/f', 'x')
      .withLabel('l', '1')
      .withEnvVariable('E', '2')
      .withEntrypoint(['/app/f'])
      .withAnnotation('a', '3')
      .asTarball()
      .export(`${out}/i.tar`);
    const x = t
      .base()
      .withMountedFile('/i.tar', t.dag.host().file(`${out}/i.tar`))
      .withExec(sh('mkdir /x && cd /x && tar xf /i.tar && cat index.json && echo && cat oci-layout'));
    const [index, layout] = (await x.stdout()).split('\n');
    const m = JSON.parse(index ?? '').manifests;
    const blob = async (d: string) => JSON.parse(await x.file(`/x/blobs/sha256/${d.slice(7)}`).contents());
    const manifest = await blob(m[0].digest);
    const config = await blob(manifest.config.digest);
    return {
      layout: JSON.parse(layout ?? ''),
      manifests: m.length,
      type: m[0].mediaType,
      annotations: manifest.annotations,
      layers: manifest.layers.map((l: { mediaType: string }) => l.mediaType),
      config: config.config,
      os: config.os,
      arch: config.architecture,
    };
  },
  'image/round-trip': async (t) => {
    const out = await t.host({});
    await t.base().withNewFile('/app/f', 'x').withEnvVariable('E', '2').export(`${out}/i.tar`);
    const c = t.dag.container().import_(t.dag.host().file(`${out}/i.tar`));
    return [await c.file('/app/f').contents(), await c.envVariable('E'), await c.withExec(['cat', '/app/f']).stdout()];
  },
  'image/scratch': async (t) => [
    await t.dag.container().rootfs().entries(),
    (await t.failure(t.dag.container().withExec(['true']).sync())).name,
  ],
  'image/from-unknown': async (t) => (await t.failure(t.dag.container().from('127.0.0.1:1/none:1').sync())).name,
  'image/rootfs-swap': (t) =>
    t.dag.container().withRootfs(t.base().rootfs()).withExec(['/bin/echo', 'swapped']).stdout(),
  // ── services that outlive one another: started by name, not bound ───────────────────────
  'service/by-hostname': async (t) => {
    const name = `shop${Date.now()}`;
    const shop = web(t, 'open').asService().withHostname(name);
    const ask = (when: string) =>
      t
        .base()
        .withEnvVariable('WHEN', when + name)
        .withExec(sh(`wget -qO- http://${name}:8080/index.html 2>/dev/null || echo away`))
        .stdout();
    await shop.start();
    const during = await ask('during');
    await shop.stop();
    const after = await ask('after');
    await shop.start();
    const again = await ask('again');
    await shop.stop();
    return [during, after, again];
  },
  'service/outlives-its-backend': async (t) => {
    const name = `back${Date.now()}`;
    const back = web(t, 'backend').asService().withHostname(name);
    await back.start();
    const front = t
      .base()
      .withNewFile(
        '/www/cgi-bin/get',
        `#!/bin/sh\necho; wget -qO- http://${name}:8080/index.html 2>/dev/null || echo away\n`,
        { permissions: 0o755 },
      )
      .withExposedPort(8080)
      .asService({ args: ['httpd', '-f', '-p', '8080', '-h', '/www'] })
      .withHostname(`front${name}`);
    await front.start();
    const ask = (when: string) =>
      t
        .base()
        .withEnvVariable('WHEN', when + name)
        .withExec(sh(`wget -qO- http://front${name}:8080/cgi-bin/get`))
        .stdout();
    const one = await ask('1');
    await back.stop();
    const two = await ask('2');
    await back.start();
    const three = await ask('3');
    await front.stop();
    await back.stop();
    return [one, two, three];
  },
  'service/bound-one-gone': async (t) => {
    const short = t
      .base()
      .withEnvVariable('V', String(Date.now()))
      .withExposedPort(8080)
      .asService({ args: sh('httpd -p 8080 -h /; sleep 2; exit 7') });
    return (await t.failure(t.base().withServiceBinding('b', short).withExec(['sleep', '6']).sync())).name;
  },

  // ── output and signals ──────────────────────────────────────────────────────────────────
  'exec/failure-with-much-output': async (t) =>
    (await t.failure(t.base().withExec(sh('seq 1 90000; exit 1')).sync())).stdout?.length,
  'exec/much-output-expected': async (t) =>
    (await t.base().withExec(sh('seq 1 90000; exit 1'), { expect: t.sdk.ReturnType.Any }).stdout()).length,
  'exec/killed': async (t) => {
    const e = await t.failure(t.base().withExec(sh('kill -9 $$')).sync());
    return [e.name, e.exitCode];
  },
  'exec/killed-expected': async (t) => {
    const c = t.base().withExec(sh('kill -9 $$'), { expect: t.sdk.ReturnType.Any });
    const e = await t.failure(c.sync());
    return e.name === 'no error' ? await c.exitCode() : [e.name, e.exitCode];
  },

  // ── a local git repository ──────────────────────────────────────────────────────────────
  'git/facts': async (t) => {
    const dir = await repository(t);
    const repo = t.dag.host().directory(dir).asGit();
    return [
      (await repo.head().commit()).length,
      await repo.uncommitted().isEmpty(),
      await repo.branches(),
      await repo.head().tree().entries(),
    ];
  },
  // ── names, ids, sizes, archives ─────────────────────────────────────────────────────────
  'names/not-utf8-entries': (t) =>
    t.base().withExec(sh('mkdir /d; cd /d; touch "$(printf "bad\\377name")" ok')).directory('/d').entries(),
  'names/odd': (t) =>
    t
      .base()
      .withExec(sh("mkdir /d; cd /d; touch -- '-n' ' lead' 'a\nb' 'q\"q' \"s's\" 'b\\\\s' '*' '~' ü"))
      .directory('/d')
      .entries(),
  'ids/container': async (t) =>
    t.dag
      .loadContainerFromID((await t.base().withNewFile('/a', 'A').id()) as never)
      .file('/a')
      .contents(),
  'ids/directory': async (t) =>
    t.dag.loadDirectoryFromID((await t.dag.directory().withNewFile('a', 'A').id()) as never).entries(),
  'ids/wrong': async (t) => (await t.failure(t.dag.loadContainerFromID('nonsense' as never).sync())).name,
  'sizes/file': (t) => t.base().withExec(['truncate', '-s', '3000000000', '/f']).file('/f').size(),
  'sizes/contents-limit': async (t) =>
    (await t.failure(t.base().withExec(['truncate', '-s', '134250496', '/f']).file('/f').contents())).name,
  'archives/docker-save': async (t) => {
    const dir = await t.host({ hello: 'hi\n' });
    const run = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: dir }).toString();
    run('tar', 'cf', 'layer.tar', 'hello');
    const diffId = `sha256:${run('sha256sum', 'layer.tar').split(' ')[0]}`;
    const config = { architecture: 'amd64', os: 'linux', config: { Env: ['A=1'] } };
    await writeFile(`${dir}/c.json`, JSON.stringify({ ...config, rootfs: { type: 'layers', diff_ids: [diffId] } }));
    const image = { Config: 'c.json', RepoTags: ['x:1'], Layers: ['layer.tar'] };
    await writeFile(`${dir}/manifest.json`, JSON.stringify([image]));
    run('tar', 'cf', 'saved.tar', 'c.json', 'manifest.json', 'layer.tar');
    const container = t.dag
      .container({ platform: 'linux/amd64' as never })
      .import_(t.dag.host().file(`${dir}/saved.tar`));
    return [await container.file('/hello').contents(), await container.envVariable('A')];
  },
  // ── the web, and git at an address ──────────────────────────────────────────────────────
  'http/contents': (t) =>
    served(200, 'hello', async (url) => {
      const file = t.dag.http(`${url}/a/b.txt`);
      return [await file.contents(), await file.name()];
    }),
  'http/named': (t) => served(200, 'x', (url) => t.dag.http(`${url}/a`, { name: 'other' }).name()),
  'http/not-found': (t) => served(404, '', async (url) => (await t.failure(t.dag.http(`${url}/x`).contents())).name),
  'remote/head': (t) => gitDaemon(t, (url) => t.dag.git(url).head().tree().file('f').contents()),
  'remote/branch': (t) => gitDaemon(t, (url) => t.dag.git(url).branch('side').tree().file('f').contents()),
  'remote/tag': (t) => gitDaemon(t, (url) => t.dag.git(url).tag('v1.0.0').tree().file('f').contents()),
  'remote/branches': (t) => gitDaemon(t, async (url) => (await t.dag.git(url).branches()).sort()),
  'remote/commit': (t) => gitDaemon(t, (url) => t.dag.git(url).branch('main').commit()),
  'remote/tree': (t) =>
    gitDaemon(t, async (url) =>
      (await t.dag.git(url).head().tree().glob('**/*')).filter((path) => !path.startsWith('.git/')).sort(),
    ),
  'remote/no-such-ref': (t) =>
    gitDaemon(t, async (url) => (await t.failure(t.dag.git(url).branch('nope').tree().sync())).name),
  'git/dirty': async (t) => {
    const dir = await repository(t);
    await writeFile(`${dir}/b.txt`, 'new');
    const repo = t.dag.host().directory(dir).asGit();
    return [await repo.uncommitted().isEmpty(), await repo.uncommitted().addedPaths()];
  },
  'git/not-one': async (t) =>
    (
      await t.failure(
        t.dag
          .host()
          .directory(await t.host({ a: '' }))
          .asGit()
          .head()
          .commit(),
      )
    ).name,
  'fs/filter-gitignore': async (t) =>
    tree(
      t.dag
        .directory()
        .withNewFile('.gitignore', '*.log\n.env\n')
        .withNewFile('a.log', '')
        .withNewFile('.env', '')
        .withNewFile('s/c.log', '')
        .withNewFile('s/d', '')
        .filter({ gitignore: true }),
    ),
  'secret/from-env': (t) =>
    t.base().withSecretVariable('S', t.dag.secret('env://CONFORMANCE_SECRET')).withExec(sh('echo ${#S} $S')).stdout(),
  'secret/from-file': async (t) =>
    t
      .base()
      .withSecretVariable('S', t.dag.secret(`file://${await t.host({ s: 'hunter88' })}/s`))
      .withExec(sh('echo ${#S} $S'))
      .stdout(),
  'secret/from-unset-env': async (t) =>
    (
      await t.failure(
        t.base().withSecretVariable('S', t.dag.secret('env://CONFORMANCE_UNSET')).withExec(['true']).sync(),
      )
    ).name,
  ...dockerCases,
};

/** A git repository with one commit on branch main. */
async function repository(t: Tools): Promise<string> {
  const dir = await t.host({ 'a.txt': 'one' });
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['add', '-A'],
    ['-c', 'user.name=c', '-c', 'user.email=c@example.invalid', 'commit', '-q', '-m', 'one'],
  ])
    execFileSync('git', args, { cwd: dir });
  return dir;
}
