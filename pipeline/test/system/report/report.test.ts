// out/report.html in a real browser: opened from the disk without a network, on a phone and a laptop, in both colour schemes, by
// keyboard and as a screen reader has it.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { REPORTS } from '../../reports.ts';
import { temporaryFolder } from '../support.ts';
import { HAS_BROWSER, type Opened, openBrowser, openPage, SCHEMES, SIZES, writeReport } from './browser.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const STANDARDS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

type Size = keyof typeof SIZES;
type Scheme = (typeof SCHEMES)[number];
type Name = keyof typeof REPORTS;

const NAMES = Object.keys(REPORTS) as Name[];
const LOOKS = (Object.keys(SIZES) as Size[]).flatMap((size) => SCHEMES.map((scheme) => [size, scheme] as const));

describe.runIf(HAS_BROWSER)('the report in Chromium (needs an x64 machine)', () => {
  let browser: Browser;
  const addresses = new Map<Name, string>();

  /** All that a person sees, but for what is folded. */
  const texts = new Map<Name, string>();

  beforeAll(async () => {
    browser = await openBrowser();
    const folder = await temporaryFolder('report');
    for (const name of NAMES) {
      addresses.set(name, writeReport(REPORTS[name], join(folder, name)));
      texts.set(name, await on(name, 'wide', 'light', ({ page }) => page.innerText('body')));
    }
  });
  afterAll(async () => await browser.close());

  /** A page for the time of `use`. */
  async function on<T>(name: Name, size: Size, scheme: Scheme, use: (opened: Opened) => Promise<T>): Promise<T> {
    const options = { viewport: SIZES[size], colorScheme: scheme };
    const opened = await openPage(browser, addresses.get(name) ?? '', options);
    try {
      return await use(opened);
    } finally {
      await opened.page.context().close();
    }
  }

  for (const name of NAMES)
    for (const [size, scheme] of LOOKS)
      test(`${name}, ${size}, ${scheme}: it fits, asks for nothing, complains of nothing, and can be read by all`, async () => {
        await on(name, size, scheme, async ({ page, requests, complaints }) => {
          await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true");
          const found = await page.evaluate<AxeResults>(
            `${AXE}; axe.run({ runOnly: ${JSON.stringify(STANDARDS)}, resultTypes: ['violations'] })`,
          );
          expect(found.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
          expect(found.passes.length).toBeGreaterThan(10);
          expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(SIZES[size].width);
          expect(complaints).toEqual([]);
          expect(requests).toEqual([addresses.get(name)]);
        });
      });

  test.for(NAMES)('%s: the verdict is the first heading, and what there is to see first', async (name) => {
    await on(name, 'narrow', 'light', async ({ page }) => {
      const first = page.locator('h1, h2, h3').first();
      expect(await first.evaluate(({ tagName }: { tagName: string }) => tagName)).toBe('H1');
      expect(await first.innerText()).toBe(await page.title());
      expect((await first.boundingBox())?.y).toBeLessThan(SIZES.narrow.height / 4);
    });
  });

  test.for(SCHEMES)('%s is the colour of the page', async (scheme) => {
    const colours = await on('failed', 'wide', scheme, ({ page }) =>
      page.evaluate<string>('getComputedStyle(document.body).backgroundColor'),
    );
    expect(colours).toBe({ light: 'rgb(255, 255, 255)', dark: 'rgb(21, 24, 27)' }[scheme]);
  });

  test.for(NAMES)(
    '%s: by Tab every link and disclosure is reached, each to be seen where it has the focus',
    async (name) => {
      await on(name, 'wide', 'light', async ({ page }) => {
        await page.evaluate(
          "window.stops = [...document.querySelectorAll('a[href], summary')].filter((each) => each.tagName === 'SUMMARY' || each.checkVisibility())",
        );
        const count = await page.evaluate<number>('stops.length');
        const reached: number[] = [];
        // What scrolls has the focus as well, so there are more stops than these.
        for (let presses = 0; presses < 2 * count && reached.length < count; presses += 1) {
          await page.keyboard.press('Tab');
          const { index, style } = await page.evaluate<{ index: number; style: string }>(
            '({ index: stops.indexOf(document.activeElement), style: getComputedStyle(document.activeElement).outlineStyle })',
          );
          expect(style).toBe('solid');
          if (index >= 0) reached.push(index);
        }
        expect(reached).toEqual(Array.from({ length: count }, (_, index) => index));
      });
    },
  );

  test.for(['Enter', 'Space'])('%s opens a disclosure, and folds it again', async (key) => {
    await on('passed', 'narrow', 'dark', async ({ page }) => {
      const log = page.locator('details', { hasText: 'lint: biome' });
      const isOpen = () => log.evaluate((each: { open: boolean }) => each.open);
      await log.locator('summary').focus();
      expect(await isOpen()).toBe(false);
      await page.keyboard.press(key);
      expect(await isOpen()).toBe(true);
      expect(await log.locator('pre').isVisible()).toBe(true);
      expect(await log.innerText()).toContain('Checked 512 files in 5s. No fixes applied.');
      await page.keyboard.press(key);
      expect(await isOpen()).toBe(false);
    });
  });

  test('the first stop of the keyboard leads past the top', async () => {
    await on('failed', 'wide', 'light', async ({ page }) => {
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.waitForURL(/#stages$/);
      const { y = -1 } = (await page.locator('#stages').boundingBox()) ?? {};
      expect(y).toBeGreaterThanOrEqual(0);
      expect(y).toBeLessThan(SIZES.wide.height);
    });
  });

  test('links lead to what is in the page or beside it', async () => {
    for (const name of NAMES)
      await on(name, 'wide', 'light', async ({ page }) => {
        const links = await page.evaluate<string[]>("[...document.querySelectorAll('a')].map(({ href }) => href)");
        for (const link of links.filter((each) => each.startsWith('file:'))) {
          const { hash } = new URL(link);
          expect(existsSync(fileURLToPath(link)), link).toBe(true);
          if (hash !== '') expect(await page.locator(`[id="${hash.slice(1)}"]`).count(), link).toBe(1);
        }
      });
  });

  test('tests are found by their words', async () => {
    await on('failed', 'wide', 'light', async ({ page, complaints }) => {
      await page.locator('summary', { hasText: 'tests, the slowest first' }).click();
      const shown = () => page.locator('.tests tbody tr:visible th').allInnerTexts();
      const all = await shown();
      await page.getByLabel('Filter').fill('ADDS add.test');
      expect(await shown()).toEqual(all.filter((name) => /adds/.test(name) && /add\.test/.test(name)));
      await page.getByLabel('Filter').fill('');
      expect(await shown()).toEqual(all);
      expect(complaints).toEqual([]);
    });
  });

  test('where no script runs, all is there but the filter', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(addresses.get('failed') ?? '');
    expect(await page.innerText('main')).toContain('Tests that failed');
    expect(await page.locator('.filter').isVisible()).toBe(false);
    await context.close();
  });

  // ---------------------------------------------------------------------------------------------- what is shown

  const shown: [name: Name, what: string, text: RegExp][] = [
    ['passed', 'the delivery', /localhost:5000\/rehearsal\/service@sha256:44c4bb1c805a\w{52} as main/],
    ['passed', 'a stage of the cache', /install\s+passed\s+cached/],
    ['passed', 'steps of the cache', /From the cache: install: tools, install: service, install: production/],
    ['passed', 'tests and coverage', /service 106 of 106, 100\.0 % covered/],
    ['passed', 'what was proved', /\/health through nginx\s+passed: 200, application\/json/],
    ['passed', 'a drill', /AppDown, firing, is sent to webhook\s+passed: alertname=AppDown/],
    ['passed', 'what was not', /What Grafana shows\s+not evaluated: cannot have/],
    ['passed', 'what stands in', /1 substitute image/],
    ['failed', 'digests', /database\s+sha256:0f9a3de4\w{56}/],
    [
      'failed',
      'how to replay it',
      /capsule\s+capsule-lint-test-gate\.tar \(131\.2 MB\); .* replay capsule-lint-test-gate\.tar/,
    ],
    ['failed', 'which step failed', /npx tsc --noEmit -p \. ended with 2/],
    ['failed', 'its first errors', /src\/b\.ts\(2,14\): error TS2322/],
    [
      'failed',
      'findings',
      /CVE-2019-10744 nodejs-lodash: [^\n]+\s+lodash 4\.17\.4\s+service\/package-lock\.json:15\s+4\.17\.12/,
    ],
    [
      'failed',
      'tests that failed',
      /service: test\/add\.test\.ts adds\s+(?:\S+\s+)?AssertionError: expected 3 to be 4/,
    ],
    ['failed', 'its log', /lint: types-pipeline · exit 2 · 29\.8 s\s+npx tsc --noEmit -p \.\s+src\/b\.ts/],
    [
      'undeployed',
      'what a service last said',
      /app is healthy\s+failed: not within 34 s; it last said:\s+Error: listen EACCES/,
    ],
  ];
  test.for(shown)('%s: %s', ([name, , text]) => expect(texts.get(name)).toMatch(text));

  test.for(Object.keys(SIZES) as Size[])(
    '%s: steps that ran side by side are side by side, and others after each other',
    async (size) => {
      await on('failed', size, 'light', async ({ page }) => {
        const bar = async (step: string) => {
          const lane = page.locator('.when tr', { has: page.locator('th', { hasText: step }) }).locator('.lane i');
          const { x = 0, width = 0, height = 0 } = (await lane.boundingBox()) ?? {};
          expect(height).toBeGreaterThan(0);
          return { from: x, to: x + width };
        };
        const [types, service] = [await bar('lint: types-pipeline'), await bar('test: service')];
        expect(service.from).toBeLessThan(types.to);
        expect(types.from).toBeLessThan(service.to);
        const [compile, assemble] = [await bar('build: compile'), await bar('build: assemble')];
        expect(assemble.from).toBeGreaterThanOrEqual(compile.to);
        const critical = page.locator('.when tr.critical th');
        expect(await critical.allInnerTexts()).toEqual(['scan: database-lookup', 'scan: trivy-source']);
        const weight = (selector: string) =>
          page.evaluate(`getComputedStyle(document.querySelector('.when tbody ${selector} th')).fontWeight`);
        expect([await weight('tr.critical'), await weight('tr:not(.critical)')]).toEqual(['700', '400']);
      });
    },
  );

  test('of a long log the page has the end, and a link to the whole', async () => {
    await on('passed', 'wide', 'light', async ({ page }) => {
      const log = page.locator('details', { hasText: 'test: service' });
      await log.locator('summary').click();
      expect(await log.innerText()).toContain('case 899');
      expect(await log.innerText()).not.toContain('case 499 ');
      await log.locator('a').click();
      expect(await page.innerText('body')).toContain('case 0 ');
    });
  });

  test('a phone has rows below each other, and a screen reader the same tables as on a laptop', async () => {
    const roles = (size: Size) => on('failed', size, 'light', ({ page }) => rolesOf(page));
    const [narrow, wide] = [await roles('narrow'), await roles('wide')];
    expect(wide.row).toBeGreaterThan(10);
    expect(narrow).toEqual(wide);
  });
});

/** How many parts of tables, headings and disclosures the accessibility tree has. */
async function rolesOf(page: Page): Promise<Record<string, number>> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  const count = (role: string) => nodes.filter((node) => !node.ignored && node.role?.value === role).length;
  const told = ['table', 'row', 'rowheader', 'columnheader', 'cell', 'heading', 'DisclosureTriangle'];
  return Object.fromEntries(told.map((role) => [role, count(role)]));
}
