import type {
  ApiKeyStore,
  Backlog,
  BatchStore,
  DeadLetterStore,
  LiveHints,
  LiveStore,
  NodeRegistry,
  ProblemStore,
  RetentionStore,
  RunStore,
  SubmissionStore,
  TenantStore,
} from '@sandpiper/store';
import type { Logger, SchedulerMetrics } from '@sandpiper/telemetry';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Admission } from './admission.js';
import type { OfferedRuntimes } from './offered-runtimes.js';
import type { BatchIntake } from './batches/batch-intake.js';
import type { ParserPool } from './bodies/parser-pool.js';
import type { ByteBudget } from './http/byte-budget.js';
import type { Bounds } from './bounds.js';
import type { Callbacks } from './callbacks/callbacks.js';
import type { Leader } from './leader.js';
import type { CheckPool } from './judging/check-pool.js';
import type { PackageIntake } from './judging/package-intake.js';
import type { OpenStreams } from './http/open-streams.js';
import type { RedisGate } from './redis/redis-gate.js';
import type { Replies } from './http/replies.js';
import type { Waiters } from './waiters.js';

/** The dependencies of the routes. */
export interface Context {
  readonly store: RunStore;
  readonly batches: BatchStore;
  readonly backlog: Backlog;
  readonly nodes: NodeRegistry;
  readonly deadLetters: DeadLetterStore;
  readonly tenants: TenantStore;
  readonly problems: ProblemStore;
  readonly submissions: SubmissionStore;
  readonly keys: ApiKeyStore;
  readonly retention: RetentionStore;
  readonly bounds: Bounds;
  readonly live: LiveStore;
  /** Hints about live runs, on the pub/sub connection. */
  readonly hints: LiveHints;
  readonly gate: RedisGate;
  /** Bytes of incoming requests. */
  readonly bodies: ByteBudget;
  readonly parsers: ParserPool;
  /** Results being sent to clients. */
  readonly replies: Replies;
  /** Open connections that follow runs and batches. */
  readonly streams: OpenStreams;
  readonly admission: Admission;
  readonly runtimes: OfferedRuntimes;
  readonly intake: BatchIntake;
  readonly leader: Leader;
  readonly checks: CheckPool;
  readonly packages: PackageIntake;
  /** Null without a secret to sign callbacks. */
  readonly callbacks: Callbacks | null;
  readonly waiters: Waiters;
  readonly metrics: SchedulerMetrics;
  /** The service was asked to stop and answers for a while longer. */
  readonly isLeaving: () => boolean;
  readonly log: Logger;
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;
