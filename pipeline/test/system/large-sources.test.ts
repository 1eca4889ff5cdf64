// What the scanner is told to look past, in sources of a size or a depth that nobody writes by hand: in the memory that the stage has for it.
import { spawnSync } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { scratch } from '../oci/helpers.ts';
import { ROOT } from './repository.ts';

const PROGRAM = join(ROOT, 'pipeline/src/oci/scan-source.ts');

// Put together here: in one piece it would be a comment of this file.
const TRIVY = 'trivy';

// What a file of such a size may cost: a heap that holds none of it, and the file itself a few times beside it.
const SIZE = 20 * 1024 * 1024;
const large: [what: string, bytes: () => Buffer, found: (path: string) => object][] = [
  ['one run of letters in a program', () => Buffer.concat([Buffer.alloc(1), Buffer.alloc(SIZE, 'a')]), text],
  ['millions of short runs', () => Buffer.alloc(SIZE, 'abcdefgh\x01'), text],
  ['nothing to read', () => Buffer.alloc(SIZE, '\x01\x02\x03'), nothing],
  ['millions of lines, and a comment', () => Buffer.alloc(SIZE, '\n').fill(`\n#${TRIVY}:ignore:x`, SIZE - 16), comment],
  ['a line of nothing but names', () => Buffer.alloc(SIZE, `${TRIVY}:`), nothing],
  ['a line of nothing but comments', () => Buffer.alloc(SIZE, `${TRIVY}:ignore:`), firstLine],
];
function text(path: string) {
  return { suppressed: [], texts: { 'drydock-texts/0.txt': path }, closed: [] };
}
function nothing() {
  return { suppressed: [], texts: {}, closed: [] };
}
function comment(path: string) {
  return { ...nothing(), suppressed: [`${path}:${SIZE - 14}`] };
}
function firstLine(path: string) {
  return { ...nothing(), suppressed: [`${path}:1`] };
}

/** As the stage starts it, with a heap and a stack that are small. */
const scanned = (source: string, out: string) =>
  spawnSync(process.execPath, ['--max-old-space-size=48', '--import', 'tsx', PROGRAM, '--in', source, '--out', out], {
    encoding: 'utf8',
  });

for (const [what, bytes, found] of large)
  test(`large: ${what}`, async () => {
    const [source, out] = [join(await scratch(onTestFinished), 'source'), join(await scratch(onTestFinished), 'out')];
    await mkdir(source);
    await writeFile(join(source, 'a'), bytes());
    expect(scanned(source, out)).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(await readFile(join(out, 'found.json'), 'utf8'))).toEqual(found('a'));
    await rm(source, { recursive: true });
    await rm(out, { recursive: true });
  });

test('folders as deep as a path may be are walked', async () => {
  const [source, out] = [join(await scratch(onTestFinished), 'source'), join(await scratch(onTestFinished), 'out')];
  const deep = join(source, 'd/'.repeat(1900));
  await mkdir(deep, { recursive: true });
  await writeFile(join(deep, 'a.tf'), `#${TRIVY}:ignore:x`);
  for (let count = 0; count < 300; count++) await writeFile(join(source, `${count}.ts`), '');
  expect(scanned(source, out)).toMatchObject({ status: 0, stderr: '' });
  const { suppressed } = JSON.parse(await readFile(join(out, 'found.json'), 'utf8'));
  expect(suppressed).toEqual([`${'d/'.repeat(1900)}a.tf:1`]);
});

test('comments beyond any number are one sentence', async () => {
  const [source, out] = [join(await scratch(onTestFinished), 'source'), join(await scratch(onTestFinished), 'out')];
  await mkdir(source);
  await writeFile(join(source, 'a.tf'), `#${TRIVY}:ignore:x\n`.repeat(10_001));
  const { status, stderr } = scanned(source, out);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^more than 10000 comments tell the scanner to look away, the last of them in a\.tf\nhint: .+\n$/,
  );
});
