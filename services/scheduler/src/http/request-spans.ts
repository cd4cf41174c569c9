import { type Span, traceparentOf, type Tracing } from '@sandpiper/telemetry';
import type { FastifyRequest } from 'fastify';
import type { App } from '../context.js';

declare module 'fastify' {
  interface FastifyRequest {
    span: Span | null;
  }
}

/** The location of a submission in an answer: `/v1/runs/ID`, `/v1/batches/ID`. */
const LOCATION = /^\/v1\/(run|batch)(?:e?s)\/([\w-]+)$/;

/**
 * Makes each API request a span: it continues the client's trace and is the parent of the spans of its runs.
 */
export function traceRequests(app: App, tracing: Tracing): void {
  app.decorateRequest('span', null);
  app.addHook('onRequest', (request, _reply, done) => {
    const { url: route, config } = request.routeOptions;
    // Routes without a scope are polled by machines: health, metrics.
    if (config.scope !== undefined && route !== undefined) {
      request.span = tracing.span(`${request.method} ${route}`, {
        parent: traceparentOf(request.headers['traceparent']),
        kind: 'server',
        attributes: { 'http.request.method': request.method, 'http.route': route },
      });
    }
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { span } = request;
    if (span !== null) {
      const { statusCode } = reply;
      span.set({ 'http.response.status_code': statusCode });
      if (request.identity !== null) span.set({ 'sandpiper.tenant': request.identity.tenant });
      const [, what, id] = LOCATION.exec(String(reply.getHeader('location') ?? '')) ?? [];
      if (what !== undefined && id !== undefined) span.set({ [`sandpiper.${what}.id`]: id });
      span.end(statusCode >= 500 ? { error: `answered ${statusCode}` } : {});
    }
    done();
  });
}

/** The trace context for the work of this request, or ''. */
export const traceOf = (request: FastifyRequest): string =>
  request.span?.traceparent ?? traceparentOf(request.headers['traceparent']);
