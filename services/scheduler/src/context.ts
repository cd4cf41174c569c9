import type {
  ApiKeyStore,
  Backlog,
  BatchStore,
  DeadLetterStore,
  LiveHints,
  LiveStore,
  NodeRegistry,
  RetentionStore,
  RunStore,
  TenantStore,
} from '@sandpiper/store';
import type { RunJob } from '@sandpiper/contracts';
import type { Logger, SchedulerMetrics } from '@sandpiper/telemetry';
import type { Queue } from 'bullmq';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Admission } from './admission.js';
import type { BatchIntake } from './batch-intake.js';
import type { ParserPool } from './bodies/parser-pool.js';
import type { ByteBudget } from './byte-budget.js';
import type { Bounds } from './bounds.js';
import type { Callbacks } from './callbacks/callbacks.js';
import type { Dispatcher } from './dispatcher.js';
import type { OpenStreams } from './open-streams.js';
import type { RedisGate } from './redis-gate.js';
import type { Replies } from './replies.js';
import type { Waiters } from './waiters.js';

/** What the routes work with. */
export interface Context {
  readonly store: RunStore;
  readonly batches: BatchStore;
  readonly backlog: Backlog;
  readonly nodes: NodeRegistry;
  readonly deadLetters: DeadLetterStore;
  readonly tenants: TenantStore;
  readonly keys: ApiKeyStore;
  readonly retention: RetentionStore;
  readonly bounds: Bounds;
  readonly live: LiveStore;
  /** Of live runs, on the connection for pub/sub. */
  readonly hints: LiveHints;
  readonly queue: Queue<RunJob>;
  readonly gate: RedisGate;
  /** Bytes of requests on their way in. */
  readonly bodies: ByteBudget;
  readonly parsers: ParserPool;
  /** Results on their way to clients. */
  readonly replies: Replies;
  /** Connections that follow runs and batches. */
  readonly streams: OpenStreams;
  readonly admission: Admission;
  readonly intake: BatchIntake;
  readonly dispatcher: Dispatcher;
  /** Null where there is no secret to sign them with. */
  readonly callbacks: Callbacks | null;
  readonly waiters: Waiters;
  readonly metrics: SchedulerMetrics;
  readonly log: Logger;
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;
