// The trace of a run, as a receiver of OTLP gets it: one that answers, one that refuses, and a real collector where OTELCOL names one.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test, vi } from 'vitest';
import { sendTrace } from '../../cli/traces.ts';
import { run, stage, step } from '../core/make.ts';
import { temporaryFolder } from './make.ts';

const RUN = run({ stages: [stage({ steps: [step({ name: 'biome' })] })] });
const PARENT = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };

type Received = { path: string | undefined; headers: Record<string, unknown>; body: string };

/** Answers everything with the status, and keeps what it was sent. */
async function receiver(status: number): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    received.push({ path: request.url, headers: request.headers, body: await text(request) });
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

test('a span for the run, each stage and each step, in the trace that the caller began', async () => {
  const { url, received } = await receiver(200);
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', url);
  vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'x-team=platform');
  vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment.name=laptop');
  expect(await sendTrace(RUN, { TRACEPARENT: `00-${PARENT.traceId}-${PARENT.spanId}-01` })).toBeNull();

  const [request] = received;
  expect([received.length, request?.path, request?.headers['x-team']]).toEqual([1, '/v1/traces', 'platform']);
  const { resourceSpans } = JSON.parse(request?.body ?? '');
  const attributes = Object.fromEntries(
    resourceSpans[0].resource.attributes.map(({ key, value }: { key: string; value: object }) => [
      key,
      Object.values(value)[0],
    ]),
  );
  expect(attributes).toMatchObject({ 'service.name': 'drydock', 'deployment.environment.name': 'laptop' });
  type Sent = { name: string; spanId: string; traceId: string; parentSpanId: string };
  const spans: Sent[] = resourceSpans[0].scopeSpans[0].spans;
  const named = (name: string) => spans.find((span) => span.name === name);
  expect(spans.map(({ name }) => name).sort()).toEqual(['biome', `drydock ${RUN.function}`, 'lint']);
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([PARENT.traceId]));
  expect([
    named(`drydock ${RUN.function}`)?.parentSpanId,
    named('lint')?.parentSpanId,
    named('biome')?.parentSpanId,
  ]).toEqual([PARENT.spanId, named(`drydock ${RUN.function}`)?.spanId, named('lint')?.spanId]);
});

test('a receiver that refuses is a sentence', async () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', (await receiver(401)).url);
  expect(await sendTrace(RUN, {})).toMatch(/Unauthorized|401/);
});

const { OTELCOL } = process.env;

test.skipIf(OTELCOL === undefined)('OpenTelemetry’s own collector takes it', async () => {
  const folder = temporaryFolder();
  const endpoint = '127.0.0.1:43189';
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint } } } },
    exporters: { debug: { verbosity: 'detailed' } },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { traces: { receivers: ['otlp'], exporters: ['debug'] } },
    },
  };
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify(config));
  const collector: ChildProcess = spawn(OTELCOL ?? '', ['--config', `file:${join(folder, 'config.yaml')}`]);
  onTestFinished(() => void collector.kill());
  let said = '';
  for (const stream of [collector.stdout, collector.stderr]) stream?.on('data', (chunk: Buffer) => (said += chunk));
  const limit = { timeout: 30_000 };
  await vi.waitFor(() => expect(said).toContain('Everything is ready'), limit);
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://${endpoint}`);
  expect(await sendTrace(RUN, {})).toBeNull();
  await vi.waitFor(() => expect(said).toMatch(/Name +: biome/), limit);
  expect(said).toMatch(/Name +: lint/);
  expect(said).toMatch(/service\.name: Str\(drydock\)/);
});
