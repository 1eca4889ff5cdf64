// Names of files that are not UTF-8, as old archives, other locales and careless programs leave them: each is a file like any other, everywhere.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeBase } from '../conformance/base.ts';
import { CONTAINER, canRestrict } from '../container.ts';
import { type EngineSession, openSession } from '../engine-session.ts';
import { temporaryFolder } from '../support.ts';

/** In order of their bytes. Two of them look alike when they are shown. */
const NAMES: readonly [what: string, bytes: Buffer][] = [
  ['U+FFFD itself', Buffer.from('\ufffd')],
  ['café in ISO 8859-1', Buffer.from('caf\xe9', 'latin1')],
  ['日本 in Shift_JIS', Buffer.from('93fa967b', 'hex')],
  ['привет in KOI8-R', Buffer.from('d0d2c9d7c5d4', 'hex')],
  ['an overlong slash', Buffer.from('c0af', 'hex')],
  ['half of a surrogate pair (CESU-8)', Buffer.from('eda080', 'hex')],
  ['a character that is cut short', Buffer.from('6e61efbf', 'hex')],
  ['a byte that no UTF-8 has', Buffer.from('ff', 'hex')],
  ['another one', Buffer.from('fe', 'hex')],
  ['valid characters about it', Buffer.concat([Buffer.from('💚 '), Buffer.from([0x80]), Buffer.from(" 'é$\n")])],
];
const sorted = (names: readonly Buffer[]) => names.map((name) => name.toString('hex')).sort();
const ALL = sorted(NAMES.map(([, name]) => name));
const below = (folder: string, name: Buffer) => Buffer.concat([Buffer.from(`${folder}/`), name]);
/** As Go writes them to JSON: with U+FFFD for each byte that is none of a character. */
const SHOWN = ['?', 'caf?', '???{', '??????', '??', '???', 'na??', '?', '?', "💚 ? 'é$\n"]
  .map((name) => name.replaceAll('?', '\ufffd'))
  .sort();
const LIST = 'cd /d; for name in *; do printf %s "$name" | od -An -v -tx1 | tr -d " \\n"; echo; done | sort';

const ways: [way: string, within: readonly string[], canRun: boolean][] = [
  ['isolated', [], true],
  ['in a container without privileges', CONTAINER, canRestrict],
];
for (const [way, within, canRun] of ways) {
  describe.skipIf(!canRun)(`steps ${way}`, () => {
    let folder: string;
    let source: string;
    let session: EngineSession;
    let ask: (fields: string) => Promise<string>;
    let uploaded: string;
    beforeAll(async () => {
      folder = await temporaryFolder('odd-names');
      source = join(folder, 'source');
      mkdirSync(source);
      for (const [what, name] of NAMES) writeFileSync(below(source, name), what);
      session = await openSession({ XDG_CACHE_HOME: join(folder, 'cache') }, within);
      ask = await session.from(await makeBase(folder));
      uploaded = await session.ask(`{ host { directory(path: ${JSON.stringify(source)}) { id } } }`);
    });
    afterAll(() => session.close());

    const mounted = (fields: string) => `withMountedDirectory(path: "/d", source: "${uploaded}") { ${fields} }`;
    const copied = (fields: string) => `withDirectory(path: "/d", source: "${uploaded}") { ${fields} }`;
    const exec = (script: string, fields = 'stdout') =>
      `withExec(args: ["sh", "-c", ${JSON.stringify(script)}]) { ${fields} }`;
    const exported = async (query: string) => {
      const out = join(folder, `out-${Math.random()}`);
      await ask(query.replace('OUT', out));
      return out;
    };

    const rows: [what: string, find: () => Promise<string>][] = [
      ['mounted from the host', () => ask(mounted(exec(LIST)))],
      ['copied from the host', () => ask(copied(exec(LIST)))],
      ['of a step, seen by the next', () => ask(copied(exec('mv /d /e', exec('mv /e /d', exec(LIST)))))],
      ['changed by a step', () => ask(copied(exec('for f in /d/*; do echo more >>"$f"; done', exec(LIST))))],
      ['removed and made again', () => ask(copied(exec('cp -r /d /e; rm /d/*', exec('mv /e/* /d', exec(LIST)))))],
      [
        'in an image, and out of it',
        async () => {
          const out = await exported(copied(exec(':', 'export(path: "OUT")')));
          return (await session.from(out))(exec(LIST));
        },
      ],
    ];
    for (const [what, find] of rows)
      test(`names ${what}`, async () => expect((await find()).trim().split('\n')).toEqual(ALL));

    test('names are listed as they can be shown, each of them', async () => {
      const entries = await ask(copied('directory(path: "/d") { entries }'));
      expect([...entries].sort()).toEqual(SHOWN);
      const globbed = await ask(copied('directory(path: "/d") { glob(pattern: "*") }'));
      expect([...globbed].sort()).toEqual(SHOWN);
    });

    test('they are exported byte for byte, with what is in them', async () => {
      for (const made of [
        copied(exec(':', 'directory(path: "/d") { export(path: "OUT") }')),
        copied('directory(path: "/d") { export(path: "OUT") }'),
      ]) {
        const out = await exported(made);
        expect(sorted(readdirSync(out, 'buffer'))).toEqual(ALL);
        for (const [what, name] of NAMES) expect(readFileSync(below(out, name), 'utf8')).toBe(what);
      }
    });

    test('two that look alike are two: digests tell them apart', async () => {
      const digests = await Promise.all(
        [0xfe, 0xff, 0xfe].map((byte) =>
          ask(exec(`mkdir /o; echo >/o/$(printf '\\${byte.toString(8)}')`, 'directory(path: "/o") { digest }')),
        ),
      );
      expect(digests[0]).toBe(digests[2]);
      expect(digests[0]).not.toBe(digests[1]);
    });

    test('of a repository, git knows what of them is committed, changed or new', async () => {
      const repository = join(folder, 'repository');
      mkdirSync(repository);
      const [kept, changed, added] = ['6b65707480', '6368616e676580', '6e657780'].map((name) =>
        below(repository, Buffer.from(name, 'hex')),
      );
      const git = (...args: string[]) =>
        execFileSync('git', ['-C', repository, '-c', 'user.name=a', '-c', 'user.email=a@b.example', ...args]);
      git('init', '--quiet');
      for (const file of [kept, changed]) writeFileSync(file as Buffer, 'committed');
      git('add', '--all');
      git('commit', '--quiet', '--message', 'odd');
      writeFileSync(changed as Buffer, 'changed since');
      writeFileSync(added as Buffer, 'new');
      const of = (fields: string) =>
        session.ask(`{ host { directory(path: ${JSON.stringify(repository)}) { asGit { ${fields} } } } }`);
      expect(await of('uncommitted { isEmpty }')).toBe(false);
      expect(await of('uncommitted { addedPaths }')).toEqual(['new\ufffd']);
      expect(await of('uncommitted { modifiedPaths }')).toEqual(['change\ufffd']);
      expect(await of('head { tree(discardGitDir: true) { entries } }')).toEqual(['change\ufffd', 'kept\ufffd']);
    });

    test('folders and what links lead to may have such names, too', async () => {
      const odd = Buffer.from([0x66, 0xe9]);
      const tree = join(folder, 'tree');
      mkdirSync(below(tree, odd), { recursive: true });
      writeFileSync(below(`${tree}`, Buffer.concat([odd, Buffer.from('/in')])), 'inside');
      symlinkSync(odd, join(tree, 'link'));
      const id = await session.ask(`{ host { directory(path: ${JSON.stringify(tree)}) { id } } }`);
      expect(
        await session.ask(`{ node(id: "${id}") { ... on Directory { file(path: "link/in") { contents } } } }`),
      ).toBe('inside');
      const step = (fields: string) => `withDirectory(path: "/d", source: "${id}") { ${fields} }`;
      expect(await ask(step(exec('cat /d/link/in; echo; ls /d | wc -l')))).toBe('inside\n2\n');
      const out = await exported(step(exec('echo new >/d/link/new', 'directory(path: "/d") { export(path: "OUT") }')));
      expect(readlinkSync(join(out, 'link'), 'buffer')).toEqual(odd);
      expect(readdirSync(below(out, odd)).sort()).toEqual(['in', 'new']);
      execFileSync('rm', ['-r', out]);
    });
  });
}
