import type { Logger } from './logger.js';
import { NO_TRACING, type SpanAttributes, type Tracing } from './span.js';

/** Whether the environment names a trace collector (by OpenTelemetry's own variables). */
function isWanted(env: NodeJS.ProcessEnv): boolean {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none')
    return false;
  const endpoint = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  return endpoint !== undefined && endpoint !== '';
}

/**
 * Traces of a service, sent as OTLP over HTTP to `OTEL_EXPORTER_OTLP_ENDPOINT` (or `..._TRACES_ENDPOINT`).
 * Without an endpoint nothing is loaded, which keeps start-up short. OpenTelemetry's variables also set
 * headers, sampler and sizes.
 * @param service default service name, unless `OTEL_SERVICE_NAME` is set
 */
export async function startTracing(
  service: string,
  attributes: SpanAttributes,
  log: Logger,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Tracing> {
  if (!isWanted(env)) return NO_TRACING;
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] ?? env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  if (protocol === 'grpc') {
    log.warn('traces are sent as OTLP over HTTP only; OTEL_EXPORTER_OTLP_PROTOCOL=grpc is not supported');
  }
  const { otlpTracing } = await import('./otlp-tracing.js');
  return otlpTracing(service, attributes, log);
}
