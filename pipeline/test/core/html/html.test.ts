// The report as a page: what it holds, that nothing in it can be anything but text, and that it needs nothing from elsewhere.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { html, type Markup } from '../../../src/core/html/markup.ts';
import { renderHtml } from '../../../src/core/html/page.ts';
import { criticalPath, timelineOf } from '../../../src/core/html/timeline.ts';
import type { RunResult } from '../../../src/core/model.ts';
import { failedStage, image, run, stage, step } from '../make.ts';

describe('markup', () => {
  const rows: [what: string, made: Markup, text: string][] = [
    ['text is escaped', html`<b>${'<script>"\'&'}</b>`, '<b>&#60;script&#62;&#34;&#39;&#38;</b>'],
    ['markup is not', html`<b>${html`<i>${'<'}</i>`}</b>`, '<b><i>&#60;</i></b>'],
    ['lists are put together', html`${['a', html`<br>`, '<']}`, 'a<br>&#60;'],
    ['null is nothing, 0 is not', html`${null}${0}`, '0'],
    ['what a terminal would obey', html`${'\u001b[2J'}`, '␛[2J'],
  ];
  test.for(rows)('%s', ([, made, text]) => expect(made.text).toBe(text));
});

describe('what the end waited for', () => {
  const rows: [bars: [number, number][], path: number[]][] = [
    [[], []],
    [[[0, 5]], [0]],
    [
      [
        [0, 5],
        [0, 9],
      ],
      [1],
    ],
    [
      [
        [0, 5],
        [5, 9],
        [0, 8],
      ],
      [0, 1],
    ],
    // A pause that no step explains ends it.
    [
      [
        [0, 5],
        [20, 30],
      ],
      [1],
    ],
    [
      [
        [0, 5],
        [0, 4],
        [5.5, 6],
        [6, 7],
      ],
      [0, 2, 3],
    ],
  ];
  test.for(rows)('%j: %j', ([bars, path]) => {
    const all = bars.map(([from, to]) => ({ from, to }));
    expect(criticalPath(all).map((bar) => all.indexOf(bar))).toEqual(path);
  });

  test('a step of the cache has no place in time, however long ago it ran', () => {
    const old = step({ name: 'old', cached: true, startedAt: '2020-01-01T00:00:00.000Z', seconds: 99 });
    const { bars, cached, seconds } = timelineOf(run({ stages: [stage({ steps: [step(), old] })] }));
    expect(bars.map(({ step: { name }, from, to }) => [name, from, to])).toEqual([['biome', 1, 2.5]]);
    expect(cached.map(({ step: { name } }) => name)).toEqual(['old']);
    expect(seconds).toBe(3);
  });
});

const LOG = 'logs/lint-biome.log';
const page = (over: Partial<RunResult> = {}, log = 'all is well') =>
  renderHtml(run(over), new Map(), new Map([[LOG, log]]));

describe('the page', () => {
  const red = { verdict: 'failed', exitCode: 1, stages: [failedStage()] } as const satisfies Partial<RunResult>;
  const rows: [what: string, text: string, held: RegExp][] = [
    ['the verdict first', page(), /<header class="passed"><h1>ci: passed in 3\.0 s<\/h1>/],
    [
      'a failure in red, with its first error',
      page({ ...red }),
      /<header class="failed">[\s\S]*<h2>lint failed<\/h2>[\s\S]*<pre>a\.ts:1:1 lint\/x: it is wrong<\/pre>/,
    ],
    [
      'its log is open, and linked',
      page({ ...red }),
      /href="#logs-lint-biome-log">log of biome<[\s\S]*<details id="logs-lint-biome-log" open>/,
    ],
    ['the log of what passed is folded', page(), /<details id="logs-lint-biome-log"><summary>/],
    ['a log is text', page({}, '<img src=x onerror=alert(1)>'), /&#60;img src=x onerror=alert\(1\)&#62;/],
    [
      'of a long log the end',
      page({}, Array.from({ length: 500 }, (_, line) => `line ${line}`).join('\n')),
      /Its last 400 lines:<\/p><pre>line 100\n/,
    ],
    ['the image', page({ image: image() }), /<dt>image<\/dt><dd>sha256:a{64} for linux\/amd64/],
    [
      'an error',
      page({ verdict: 'error', error: { code: 'NO_ENGINE', message: 'none <here>', hint: 'get one' } }),
      /none &#60;here&#62;<br>hint: get one/,
    ],
  ];
  test.for(rows)('%s', ([, text, held]) => expect(text).toMatch(held));

  test('it needs nothing from elsewhere, and runs nothing but the script that its policy names', () => {
    const text = page({ ...red, image: image() });
    const [script, ...others] = [...text.matchAll(/<script>(.*?)<\/script>/gs)].map(([, code = '']) => code);
    const hash = createHash('sha256')
      .update(script ?? '')
      .digest('base64');
    expect(others).toEqual([]);
    expect(text).toContain(`script-src 'sha256-${hash}'`);
    expect(text.replace(`<script>${script}</script>`, '')).not.toMatch(
      /<script|<link|<img|<iframe|url\(|@import|\son\w+=/,
    );
    expect(text).toContain("default-src 'none'");
    for (const [, address] of text.matchAll(/(?:href|src)="([^"]*)"/g)) expect(address).toMatch(/^(#|logs\/|https:)/);
  });

  test('for a screen reader: one language, one heading above all, tables with headers, a way past the top', () => {
    const text = page({ ...red });
    expect(text).toContain('<html lang="en">');
    expect(text.match(/<h1>/g)).toHaveLength(1);
    expect(text.match(/<table[ >]/g)?.length).toBe(text.match(/<thead>/g)?.length);
    expect(text).not.toMatch(/<th(?! scope=)[ >]/);
    expect(text).toMatch(/<a class="skip" href="#stages">/);
    expect(text).toContain('<b>failed</b>');
  });

  test('a finding’s address that is no web address is no link', () => {
    const blocking = [
      {
        severity: 'HIGH',
        kind: 'vulnerability',
        id: 'CVE-1',
        thing: 'x',
        title: 't',
        url: 'javascript:alert(1)',
        from: 'f',
        fixedIn: null,
        place: null,
      },
    ] as const;
    const gate = {
      status: 'failed',
      reasons: [],
      warnings: [],
      blocking: [...blocking],
      outcomes: {},
      database: null,
      policyFrom: 'x',
      policyChanges: [],
      licences: {},
      rehearsal: false,
    } as RunResult['gate'];
    expect(page({ gate })).not.toContain('javascript:');
    expect(page({ gate })).toContain('CVE-1 t');
  });
});
