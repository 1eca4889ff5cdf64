// The recording of a run: text of a terminal as an SVG that any reader shows.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { validateXML } from 'xmllint-wasm';
import { renderSvg } from './svg.ts';

const ESC = '\u001b';
const wellFormed = async (svg: string) =>
  (await validateXML({ xml: [{ fileName: 'run.svg', contents: svg }], schema: [SCHEMA] })).rawOutput;
/** That it is one element, whatever is in it: what cannot be read is no XML. */
const SCHEMA =
  '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/2000/svg"><xs:element name="svg"/></xs:schema>';

const rowsOf = (svg: string) => [...svg.matchAll(/<text [^>]*>(.*?)<\/text>/g)].map(([, row]) => row);

test('colours are kept, and what has a meaning in XML is text', async () => {
  const svg = renderSvg([
    { text: '$ drydock a<b && c', atMs: 0 },
    { text: `${ESC}[32mok    lint${ESC}[0m and more`, atMs: 700 },
    { text: '', atMs: 1000 },
  ]);
  expect(rowsOf(svg)).toEqual([
    '<tspan>$ drydock a&lt;b &amp;&amp; c</tspan>',
    '<tspan class="g">ok    lint</tspan><tspan> and more</tspan>',
    '',
  ]);
  expect(await wellFormed(svg)).toBe('run.svg validates\n');
});

test('a line that is too long is wrapped, in its colour', () => {
  const svg = renderSvg([{ text: `${ESC}[31m${'x'.repeat(250)}${ESC}[0m`, atMs: 0 }]);
  expect(rowsOf(svg)).toEqual([110, 110, 30].map((count) => `<tspan class="r">${'x'.repeat(count)}</tspan>`));
});

test('lines appear in their order, the last within the time that a reader waits', () => {
  const svg = renderSvg([0, 90_000, 120_000].map((atMs) => ({ text: 'x', atMs })));
  const delays = [...svg.matchAll(/animation-delay:([\d.]+)s/g)].map(([, seconds]) => Number(seconds));
  expect(delays).toEqual([0, 10.5, 14]);
});

const RUN = fileURLToPath(new URL('../../../docs/run.svg', import.meta.url));
test.runIf(existsSync(RUN))(
  'the one that is shown is small, and names nothing of the machine that it was made on',
  async () => {
    const svg = readFileSync(RUN, 'utf8');
    expect(statSync(RUN).size).toBeLessThan(60_000);
    expect(await wellFormed(svg)).toBe('run.svg validates\n');
    expect(rowsOf(svg)[0]).toContain('$ npx drydock');
    expect(svg).not.toMatch(/\/(home|root|work|tmp)\//);
  },
);
