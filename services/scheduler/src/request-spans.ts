import { type Span, traceparentOf, type Tracing } from '@sandpiper/telemetry';
import type { FastifyRequest } from 'fastify';
import type { App } from './context.js';

declare module 'fastify' {
  interface FastifyRequest {
    span: Span | null;
  }
}

/** Of what was submitted, where the answer says: `/v1/runs/ID`, `/v1/batches/ID`. */
const LOCATION = /^\/v1\/(run|batch)(?:e?s)\/([\w-]+)$/;

/**
 * Each request of the API is a span, which goes on with the trace of the client and is what its runs are
 * parts of.
 */
export function traceRequests(app: App, tracing: Tracing): void {
  app.decorateRequest('span', null);
  app.addHook('onRequest', (request, _reply, done) => {
    const { url: route, config } = request.routeOptions;
    // Those without a scope are asked again and again by machines: health, metrics.
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

/** The trace context that what this request asks for is a part of, or ''. */
export const traceOf = (request: FastifyRequest): string =>
  request.span?.traceparent ?? traceparentOf(request.headers['traceparent']);
