// A real browser for the report: Chromium out of a pinned package, without a network, opening the page from the disk.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { cacheFolder } from '../../../engine/store/store.ts';
import { renderReport } from '../../../src/core/report.ts';
import type { Reported } from '../../reports.ts';
import { NPM, unpackNpmPackage, unpackTar } from '../packages.ts';

export const HAS_BROWSER = process.arch === 'x64';

/** A phone, and a laptop. */
export const SIZES = { narrow: { width: 390, height: 844 }, wide: { width: 1280, height: 800 } } as const;
export const SCHEMES = ['light', 'dark'] as const;

/** No name has an address. The page is our own; a sandbox is what root cannot have here. */
export async function openBrowser(): Promise<Browser> {
  const folder = join(cacheFolder(), 'test-programs', `chromium-${NPM.chromium.version}`);
  if (!existsSync(folder)) await unpackBrowser(folder);
  return await chromium.launch({
    executablePath: join(folder, 'chromium'),
    env: { ...process.env, LD_LIBRARY_PATH: join(folder, 'lib'), FONTCONFIG_FILE: join(folder, 'own-fonts.conf') },
    args: ['--host-resolver-rules=MAP * ~NOTFOUND'],
  });
}

async function unpackBrowser(folder: string): Promise<void> {
  const aside = `${folder}.${process.pid}`;
  await unpackNpmPackage(NPM.chromium, join(aside, 'package'));
  const open = (name: string) => brotliDecompressSync(readFileSync(join(aside, 'package/bin', `${name}.br`)));
  for (const name of ['al2023.tar', 'fonts.tar', 'swiftshader.tar']) await unpackTar(open(name), aside);
  writeFileSync(join(aside, 'chromium'), open('chromium'), { mode: 0o755 });
  writeFileSync(join(aside, 'own-fonts.conf'), `<fontconfig><dir>${folder}/fonts</dir></fontconfig>\n`);
  await rm(join(aside, 'package'), { recursive: true });
  await rename(aside, folder);
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
