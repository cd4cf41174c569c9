import type { Logger } from './logger.js';
import { NO_TRACING, type SpanAttributes, type Tracing } from './span.js';

/** Whether the environment names somebody who collects traces (OpenTelemetry's own names of variables). */
function isWanted(env: NodeJS.ProcessEnv): boolean {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none')
    return false;
  const endpoint = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  return endpoint !== undefined && endpoint !== '';
}

/**
 * Traces of a service, sent as OTLP over HTTP where `OTEL_EXPORTER_OTLP_ENDPOINT` (or `..._TRACES_ENDPOINT`)
 * says; without it nothing is loaded, so that a start stays short. Headers, sampler and sizes are
 * OpenTelemetry's variables too.
 * @param service its name, where `OTEL_SERVICE_NAME` gives no other
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
    log.warn('traces are sent as OTLP over HTTP alone; OTEL_EXPORTER_OTLP_PROTOCOL=grpc is not spoken here');
  }
  const { otlpTracing } = await import('./otlp-tracing.js');
  return otlpTracing(service, attributes, log);
}
