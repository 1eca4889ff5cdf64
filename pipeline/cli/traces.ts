// Sends a run as a trace to where OTEL_EXPORTER_OTLP_ENDPOINT says, by OTLP over HTTP. Loaded for those alone who set it.
import { type Context, ROOT_CONTEXT, SpanStatusCode, TraceFlags, type Tracer, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { reasonOf } from '../src/core/errors.ts';
import type { RunResult } from '../src/core/model.ts';
import { type Span, spansOf } from '../src/core/spans.ts';
import { VERSION } from '../src/core/version.ts';

/** Null when it was taken, else why not: a trace that nobody takes is no failure of the run. */
export async function sendTrace(run: RunResult, env: NodeJS.ProcessEnv = process.env): Promise<string | null> {
  const kept = new InMemorySpanExporter();
  const own = resourceFromAttributes({ 'service.name': 'drydock', 'service.version': VERSION });
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(own)
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new SimpleSpanProcessor(kept)],
  });
  record(provider.getTracer('drydock', VERSION), spansOf(run), parentOf(env.TRACEPARENT));
  // It reads endpoint, headers and time limit from the environment.
  const exporter = new OTLPTraceExporter();
  try {
    const { error } = await new Promise<{ error?: Error }>((done) => exporter.export(kept.getFinishedSpans(), done));
    return error === undefined ? null : reasonOf(error);
  } finally {
    await exporter.shutdown();
    await provider.shutdown();
  }
}

function record(tracer: Tracer, { name, startMs, endMs, attributes, error, children }: Span, parent: Context): void {
  const span = tracer.startSpan(name, { startTime: startMs, attributes }, parent);
  for (const child of children) record(tracer, child, trace.setSpan(parent, span));
  if (error !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
  span.end(endMs);
}

/** The span that this run is a part of, by W3C's trace context. */
function parentOf(header: string | undefined): Context {
  const [, traceId = '', spanId = ''] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(header ?? '') ?? [];
  if (traceId === '') return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true });
}
