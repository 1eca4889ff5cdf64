// A real browser for the report: Debian's Chromium, without a network, opening the page from the disk.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { findProgram } from '../../../engine/run/programs.ts';
import { renderReport } from '../../../src/core/report.ts';
import type { Reported } from '../../reports.ts';

export const CHROMIUM = findProgram('chromium');

/** A phone, and a laptop. */
export const SIZES = { narrow: { width: 390, height: 844 }, wide: { width: 1280, height: 800 } } as const;
export const SCHEMES = ['light', 'dark'] as const;

/** No name has an address. The page is our own; a sandbox is what root cannot have here. */
export async function openBrowser(executablePath: string): Promise<Browser> {
  return await chromium.launch({ executablePath, args: ['--host-resolver-rules=MAP * ~NOTFOUND'] });
}

/** Write a report as a run does. Returns the address of its page. */
export function writeReport({ run, suites, logs }: Reported, folder: string): string {
  for (const [path, text] of renderReport(run, suites, logs)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return pathToFileURL(join(folder, 'report.html')).href;
}

export type Opened = { page: Page; requests: string[]; complaints: string[] };

/** Open an address; what the page asks for and complains of is noted from the beginning. */
export async function openPage(browser: Browser, address: string, options: BrowserContextOptions): Promise<Opened> {
  const page = await browser.newPage({ ...options, offline: true });
  const opened: Opened = { page, requests: [], complaints: [] };
  page.on('request', (request) => opened.requests.push(request.url()));
  page.on('console', (message) => opened.complaints.push(message.text()));
  page.on('pageerror', (error) => opened.complaints.push(error.message));
  await page.goto(address);
  return opened;
}
