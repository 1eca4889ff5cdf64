// Images without a registry: from a folder of archives, from a mirror, and what is said when there is none.
import { readdirSync } from 'node:fs';
import { cp, open, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ci, copyOfRepository, resultOf, temporaryFolder } from './support.ts';

let repository: string;
beforeAll(async () => {
  repository = await copyOfRepository('images');
});

describe('--images', () => {
  let images: string;
  beforeAll(async () => {
    images = await temporaryFolder('archives');
    const written = await ci(repository, ['images', 'node', 'runtime', 'nginx', '--output', images]);
    expect(written.exitCode, written.stderr).toBe(0);
  });

  test('every archive that was asked for is there', () => {
    expect(readdirSync(images).sort()).toEqual(['nginx.tar', 'node.tar', 'runtime.tar']);
  });

  test('builds the same image from archives, with an empty store and without a registry', async () => {
    const usual = await ci(repository, ['build']);
    const digest = resultOf(usual).image?.digest;
    const run = await ci(repository, ['build', '--images', images], { XDG_CACHE_HOME: await temporaryFolder('empty') });
    expect(run.exitCode, run.stdout).toBe(0);
    expect(resultOf(run).image?.digest).toBe(digest);
  });

  test('names an archive that is missing', async () => {
    const folder = await temporaryFolder('incomplete');
    await cp(join(images, 'node.tar'), join(folder, 'node.tar'));
    const run = await ci(repository, ['build', '--images', folder]);
    expect(run.stdout).toMatch(
      /^error: the --images folder lacks runtime\.tar \(gcr\.io\/distroless\/nodejs24-debian13:nonroot\)$/m,
    );
    expect(run.exitCode).toBe(3);
  });

  test('refuses an archive with a changed byte', async () => {
    const folder = await temporaryFolder('altered');
    await cp(images, folder, { recursive: true });
    const file = await open(join(folder, 'runtime.tar'), 'r+');
    await file.write('x', Math.floor((await stat(join(folder, 'runtime.tar'))).size / 2));
    await file.close();
    const run = await ci(repository, ['build', '--images', folder]);
    expect(run.stdout).toMatch(/^error: runtime\.tar in the --images folder is not gcr\.io\//m);
    expect(run.exitCode).toBe(2);
  });

  test('refuses a folder that is none', async () => {
    const run = await ci(repository, ['build', '--images', join(images, 'nowhere')]);
    expect(run.stderr).toMatch(/^error: --images .*nowhere is not a folder$/m);
    expect(run.exitCode).toBe(2);
  });
});

describe('a registry', () => {
  let server: Server;
  let mirror: string;
  const asked: string[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.writeHead(429).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    mirror = `docker.io=127.0.0.1:${(server.address() as AddressInfo).port}/proxy`;
  });
  afterAll(() => server.close());

  test('that has had enough (429) is asked through --mirror, which the hint names', async () => {
    const run = await ci(repository, ['build', '--mirror', mirror], { XDG_CACHE_HOME: await temporaryFolder('empty') });
    expect(asked[0]).toMatch(/^(GET|HEAD) \/v2\/proxy\/library\/node\/manifests\/sha256:/);
    expect(run.stdout).toMatch(/^error: .*429/m);
    expect(run.stdout).toMatch(/^hint: .*--mirror docker\.io=host\/prefix/m);
    expect(run.exitCode).toBe(3);
  });

  test('that may not be asked (--offline) is named, with the way out', async () => {
    const run = await ci(repository, ['build', '--offline'], { XDG_CACHE_HOME: await temporaryFolder('offline') });
    expect(run.stdout).toMatch(/^error: .*(offline|network is off)/m);
    expect(run.stdout).toMatch(/^hint: .*npx tsx pipeline\/ci\.ts warm/m);
    expect(run.exitCode).toBe(3);
  });
});
