// "Put your own service here": a tiny one that shares no line, package or test runner with ours, kept to the contracts only.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLayout, readBase } from '../../src/oci/layout.ts';
import { putGreeter } from './greeter.ts';
import { ci, commitAll, copyOfRepository, resultOf } from './support.ts';

test('another service goes through the same pipeline', async () => {
  const repository = await copyOfRepository('greeter');
  await putGreeter(repository);
  await commitAll(repository, 'Another service');

  const tested = await ci(repository, ['test']);
  expect(tested.exitCode, tested.stdout).toBe(0);
  const [suite] = resultOf(tested).stages.flatMap((stage) => stage.suites);
  expect(suite).toEqual({ name: 'service', tests: { total: 1, failed: 0, skipped: 0 }, coverage: null });

  const built = await ci(repository, ['build']);
  expect(built.exitCode, built.stdout).toBe(0);
  const source = await openLayout(join(built.output, 'image.tar'));
  try {
    const { config } = await readBase(source, resultOf(built).image?.digest ?? '', 'linux/amd64');
    expect(config.config?.Entrypoint).toEqual(['/nodejs/bin/node', 'dist/server.js']);
    expect(config.config?.Labels).toMatchObject({
      'org.opencontainers.image.title': '@example/greeter',
      'org.opencontainers.image.version': '2.3.4',
    });
    // It wrote no healthcheck program of its own, so Node asks /health.
    expect(config.config?.Healthcheck?.Test?.slice(0, 3)).toEqual(['CMD', '/nodejs/bin/node', '-e']);
  } finally {
    await source.close();
  }
});
