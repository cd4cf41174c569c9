import { diag, DiagLogLevel, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Context, HrTime, Span as OtelSpan } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { Logger } from './logger.js';
import type { Span, SpanAttributes, SpanEnd, Tracing } from './span.js';

/** Timeout for sending the remaining spans at shutdown, milliseconds. */
const CLOSE_MS = 3_000;

/** An unreachable collector is logged once per this time, milliseconds. */
const COMPLAIN_EVERY_MS = 60_000;

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  consumer: SpanKind.CONSUMER,
} as const;

/** Loaded only when tracing is on; see tracing.ts. Contexts are passed explicitly, so nothing is global. */
export function otlpTracing(service: string, attributes: SpanAttributes, log: Logger): Tracing {
  complainTo(log);
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': service, ...attributes }))
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new BasicTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const tracer = provider.getTracer('sandpiper');
  return {
    span(name, { parent, kind = 'internal', startedAt = Date.now(), attributes: own = {} }) {
      const options = { kind: KINDS[kind], startTime: momentOf(startedAt), attributes: { ...own } };
      return new OtlpSpan(tracer.startSpan(name, options, contextOf(parent)), startedAt);
    },
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_MS);
      });
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
    },
  };
}

class OtlpSpan implements Span {
  constructor(
    private readonly span: OtelSpan,
    private readonly startedAt: number,
  ) {}

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.span.spanContext();
    return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  }

  set(attributes: SpanAttributes): void {
    this.span.setAttributes({ ...attributes });
  }

  end({ at = Date.now(), error }: SpanEnd = {}): void {
    if (!this.span.isRecording()) return;
    if (error !== undefined) this.span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    this.span.end(momentOf(Math.max(at, this.startedAt)));
  }
}

/**
 * Seconds and nanoseconds: OpenTelemetry takes a small number for a time relative to the start of the
 * process.
 */
function momentOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}

function contextOf(traceparent: string): Context {
  const [, traceId, spanId, flags] = traceparent.split('-');
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags, 16);
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

/** Logs complaints of OpenTelemetry (an unreachable collector, an invalid variable). */
function complainTo(log: Logger): void {
  let quietUntil = 0;
  const complain = (message: string): void => {
    const now = performance.now();
    if (now < quietUntil) return;
    quietUntil = now + COMPLAIN_EVERY_MS;
    log.warn({ reason: message.slice(0, 500) }, 'traces');
  };
  const silent = (): void => undefined;
  diag.setLogger(
    { error: complain, warn: complain, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
