import type { Logger } from '@sandpiper/telemetry';
import type { FastifyRequest } from 'fastify';
import type { App } from '../context.js';

/** What an audit log tells of: changes of access, and of what was stored. */
type Audited =
  | 'key.create'
  | 'key.revoke'
  | 'tenant.set'
  | 'node.cordon'
  | 'node.uncordon'
  | 'run.cancel'
  | 'batch.cancel'
  | 'dead-letter.requeue'
  | 'dead-letter.dismiss'
  | 'callback.retry'
  | 'problem.upload'
  | 'problem.remove'
  | 'problem.rejudge'
  | 'submission.cancel'
  | 'submission.rejudge';

declare module 'fastify' {
  interface FastifyRequest {
    /** The id of what the request has made, where its path does not name it. */
    made: string | null;
  }
  interface FastifyContextConfig {
    /** Requests of this route stand in the audit log, refused ones too. */
    audit?: Audited;
  }
}

/** Longest name of an object in a line, characters: a path may hold anything. */
const MAX_NAME_LENGTH = 256;

/**
 * Writes one line for each request of an audited route when it is answered: what, of what, by which key of which tenant,
 * from where, and with what status. These lines are written at any log level but `silent`.
 */
export function auditRequests(app: App, log: Logger): void {
  const lines = log.child({}, { level: log.level === 'silent' ? 'silent' : 'info' });
  app.decorateRequest('made', null);
  app.addHook('onResponse', (request, reply, done) => {
    const { audit } = request.routeOptions.config;
    if (audit !== undefined) {
      const { key = null, tenant = null } = request.identity ?? {};
      lines.info(
        {
          audit: isPurge(request) ? audit.replace('.cancel', '.purge') : audit,
          of: objectOf(request),
          by: { key, tenant },
          from: request.ip,
          status: reply.statusCode,
        },
        'audit',
      );
    }
    done();
  });
}

function objectOf(request: FastifyRequest): string | null {
  if (request.made !== null) return request.made;
  const { id, name } = request.params as { readonly id?: string; readonly name?: string };
  return (id ?? name)?.slice(0, MAX_NAME_LENGTH) ?? null;
}

const isPurge = (request: FastifyRequest): boolean =>
  (request.query as { readonly purge?: unknown } | undefined)?.purge === 'true';
