// Metrics over real HTTP: names, labels, and how many series a stranger can make.
import { expect, test } from 'vitest';
import { BUILD_INFO, IN_FLIGHT, REQUEST_SECONDS, REQUESTS } from '../src/metrics.ts';
import { startApp } from './support.ts';

async function scrape(url: string): Promise<string[]> {
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return (await response.text()).split('\n');
}

async function ask(url: string, method: string, path: string): Promise<void> {
  await (await fetch(url + path, { method })).text();
}

const counted: [name: string, method: string, path: string, labels: string][] = [
  ['a route', 'GET', '/', 'method="GET",route="/",status_code="200"'],
  ['a query makes no series', 'GET', '/?a=1', 'method="GET",route="/",status_code="200"'],
  ['HEAD', 'HEAD', '/version', 'method="HEAD",route="/version",status_code="200"'],
  ['not allowed', 'DELETE', '/version', 'method="DELETE",route="/version",status_code="405"'],
  ['an unknown path', 'GET', '/nope', 'method="GET",route="unmatched",status_code="404"'],
  ['an odd method', 'PROPFIND', '/', 'method="other",route="/",status_code="405"'],
];
for (const [name, method, path, labels] of counted) {
  test(`metrics count: ${name}`, async () => {
    const { url } = await startApp();
    await ask(url, method, path);
    const lines = await scrape(url);
    expect(lines).toContain(`${REQUESTS.name}{${labels}} 1`);
    expect(lines).toContain(`${REQUEST_SECONDS.name}_count{${labels}} 1`);
  });
}

test('metrics: unknown paths and odd methods share their series', async () => {
  const { url } = await startApp();
  for (let n = 0; n < 20; n += 1) await ask(url, n % 2 === 0 ? 'MKCOL' : 'PURGE', `/unknown-${n}`);
  const series = (await scrape(url)).filter((line) => line.startsWith(`${REQUESTS.name}{`));
  const counted = series.filter((line) => !line.endsWith(' 0'));
  expect(counted).toEqual([`${REQUESTS.name}{method="other",route="unmatched",status_code="404"} 20`]);
});

test('metrics: series of failures are there before a failure', async () => {
  const { url } = await startApp();
  const lines = await scrape(url);
  for (const route of ['/', '/version', 'unmatched']) {
    const labels = `method="GET",route="${route}",status_code="500"`;
    expect(lines).toContain(`${REQUESTS.name}{${labels}} 0`);
    expect(lines).toContain(`${REQUEST_SECONDS.name}_count{${labels}} 0`);
    expect(lines).toContain(`${REQUEST_SECONDS.name}_bucket{le="0.25",${labels}} 0`);
  }
});

test('metrics: what runs, what is in flight, and the process', async () => {
  const { url } = await startApp();
  const lines = await scrape(url);
  const node = `node_version="${process.version}"`;
  expect(lines).toContain(`${BUILD_INFO.name}{version="0.1.0",commit="unknown",digest="unknown",${node}} 1`);
  expect(lines).toContain(`${IN_FLIGHT.name} 1`);
  expect(lines.some((line) => line.startsWith('process_resident_memory_bytes '))).toBe(true);
});
