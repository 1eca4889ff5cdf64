// Reading test reports as real tools write them, and writing one for the whole run.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { validateXML } from 'xmllint-wasm';
import { countTests, parseJunit, renderJunit, type TestCase } from '../../src/core/junit.ts';
import { escapeXml, parseXml } from '../../src/core/xml.ts';
import { REPORTS } from '../reports.ts';
import { failedStage, run, stage, step } from './make.ts';

const fixture = (name: string) => readFileSync(new URL(`./fixtures/${name}.xml`, import.meta.url), 'utf8');

const reports: [file: string, counts: unknown, failed: string[]][] = [
  ['vitest', { total: 4, failed: 2, skipped: 1 }, ['test/add.test.ts adds', 'test/broken.test.ts test/broken.test.ts']],
  ['node-test', { total: 4, failed: 1, skipped: 1 }, [' adds']],
];
for (const [file, counts, failed] of reports) {
  test(`the report of ${file}`, () => {
    const cases = parseJunit(fixture(file));
    expect(countTests(cases)).toEqual(counts);
    expect(cases.filter(({ outcome }) => outcome === 'failed').map(({ suite, name }) => `${suite} ${name}`)).toEqual(
      failed,
    );
  });
}

const broken: [name: string, text: string, reason: string][] = [
  ['empty', '', 'no single root'],
  ['not XML', 'all fine', 'no single root'],
  ['cut short', '<testsuites><testsuite name="a">', 'not closed'],
  ['closed twice', '<a></a></a>', 'closes nothing'],
  ['another document', '<html></html>', 'root is <html>'],
  ['a stray bracket', '<testsuites><</testsuites>', 'not XML at character 12'],
];
for (const [name, text, reason] of broken) {
  test(`a report that is ${name} is refused`, () => expect(() => parseJunit(text)).toThrow(reason));
}

// Small for what they cost a reader that looks at each part more than once: as in the texts on denial of service by XML and by regular expressions.
const costly: [name: string, text: string, reason: string | RegExp][] = [
  ['an attribute that never begins', `<testsuites ${'a'.repeat(3_000_000)}/>`, 'this is no attribute: aaaa'],
  ['attributes without values', `<testsuites ${'a='.repeat(1_000_000)}>`, 'this is no attribute: a=a='],
  ['elements that never end', '<a '.repeat(1_000_000), 'not XML at character 0'],
  ['comments that never end', '<!--'.repeat(500_000), 'not XML at character 0'],
  ['suites in suites', '<testsuite>'.repeat(100_000), 'nested more than 500 levels'],
];
for (const [name, text, reason] of costly)
  test(`a report of ${name} is refused`, () => expect(() => parseJunit(text)).toThrow(reason));

test('text survives writing and reading', () => {
  const text = `<a & "b" 'c'> ü \u0007`;
  expect(parseXml(`<x y="${escapeXml(text)}">${escapeXml(text)}</x>`)).toMatchObject({
    attributes: { y: `<a & "b" 'c'> ü ␇` },
    text: `<a & "b" 'c'> ü ␇`,
  });
});

const broke: TestCase = {
  suite: 'a',
  className: 'a.test.ts',
  name: 'adds',
  seconds: 0.1,
  outcome: 'failed',
  message: '3 is not 4',
  detail: 'at a.test.ts:1',
};

const merged: [name: string, input: Parameters<typeof renderJunit>, counts: unknown][] = [
  ['a run without tests', [run(), new Map()], { total: 1, failed: 0, skipped: 0 }],
  [
    'a failed stage without tests is a failure',
    [run({ stages: [failedStage()] }), new Map()],
    { total: 1, failed: 1, skipped: 0 },
  ],
  [
    'a test stage whose report tells the failure does not tell it twice',
    [
      run({ stages: [stage({ name: 'test', status: 'failed', steps: [step({ name: 'service', exitCode: 1 })] })] }),
      new Map([['service', [broke]]]),
    ],
    { total: 2, failed: 1, skipped: 0 },
  ],
  [
    'a stage that failed though its steps passed',
    [run({ stages: [stage({ status: 'failed', reason: 'no test ran' })] }), new Map()],
    { total: 2, failed: 1, skipped: 0 },
  ],
  [
    'a run that could not begin',
    [run({ stages: [], error: { code: 'NO_ENGINE', message: 'nothing runs', hint: 'x' } }), new Map()],
    { total: 1, failed: 1, skipped: 0 },
  ],
  [
    'not evaluated is shown as skipped',
    [run({ stages: [stage({ status: 'not evaluated', steps: [], reason: 'no database' })] }), new Map()],
    { total: 1, failed: 0, skipped: 1 },
  ],
];
for (const [name, input, counts] of merged) {
  test(`one report: ${name}`, () => {
    const text = renderJunit(...input);
    expect(countTests(parseJunit(text))).toEqual(counts);
    const { attributes, children } = parseXml(text);
    const skipped = children.reduce((sum, suite) => sum + Number(suite.attributes.skipped), 0);
    expect({ total: Number(attributes.tests), failed: Number(attributes.failures), skipped }).toEqual(counts);
  });
}

// What Jenkins checks reports by, and is stricter than other readers.
const schema = readFileSync(new URL('../fixtures/junit/junit-10.xsd', import.meta.url), 'utf8');
const faultsOf = async (xml: string) =>
  (await validateXML({ xml: { fileName: 'junit.xml', contents: xml }, schema })).errors.map(({ message }) => message);

const written: [name: string, xml: string][] = [
  ...merged.map(([name, input]): [string, string] => [name, renderJunit(...input)]),
  ...Object.entries(REPORTS).map(([name, { run, suites }]): [string, string] => [name, renderJunit(run, suites)]),
];
test.for(written)('valid by Jenkins’ schema: %s', async ([, xml]) => expect(await faultsOf(xml)).toEqual([]));

test('the schema is one that refuses', async () => {
  const strange = renderJunit(run(), new Map()).replace('<testsuites ', '<testsuites skipped="1" ');
  expect(await faultsOf(strange)).toEqual([expect.stringContaining("The attribute 'skipped' is not allowed")]);
});

test('what was not evaluated says why', () => {
  const open = stage({ status: 'not evaluated', steps: [], reason: 'no database' });
  expect(renderJunit(run({ stages: [open] }), new Map())).toContain('<skipped message="no database"/>');
});

test('names and messages are text: nothing in them paints or moves what is around it', () => {
  const text =
    '<testsuites><testsuite name="s&#27;[31mx"><testcase name="a&#x1b;[32mPASS&#x1b;[0m" classname="c&#8238;d"><failure message="m&#7;">d&#x9b;31m</failure></testcase></testsuite></testsuites>';
  const [found] = parseJunit(text);
  const said = Object.values(found ?? {}).join('|');
  expect(said).not.toMatch(/\p{Cc}|\p{Bidi_Control}/u);
  expect(found?.name).toContain('PASS');
});
