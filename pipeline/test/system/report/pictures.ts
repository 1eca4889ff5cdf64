// `npm run report:pictures`: the report of a failed run as the documentation shows it, on a phone and a laptop.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REPORTS } from '../../reports.ts';
import { openBrowser, openPage, SIZES, writeReport } from './browser.ts';

const FOLDER = new URL('../../../../docs/', import.meta.url).pathname;
/** What is at the top of each. */
const PICTURES = [
  ['report-wide.png', 'wide', 'light', 'body'],
  ['report-wide-timeline.png', 'wide', 'dark', '#when'],
  ['report-narrow.png', 'narrow', 'light', '#stages'],
] as const;

const folder = mkdtempSync(join(tmpdir(), 'drydock-pictures-'));
const browser = await openBrowser();
try {
  const address = writeReport(REPORTS.failed, folder);
  for (const [name, size, colorScheme, top] of PICTURES) {
    const { page } = await openPage(browser, address, { viewport: SIZES[size], colorScheme });
    await page.evaluate(`document.querySelector('${top}').scrollIntoView()`);
    const path = join(FOLDER, name);
    await page.screenshot({ path, animations: 'disabled' });
    process.stdout.write(`${path}: ${Math.ceil(statSync(path).size / 1000)} kB\n`);
  }
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
