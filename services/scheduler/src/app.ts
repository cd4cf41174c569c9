import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { Engine } from '@sandpiper/contracts';
import {
  ApiKeyStore,
  Backlog,
  BatchStore,
  Doorbell,
  DeadLetterStore,
  LiveHints,
  LiveStore,
  NO_REPLICATION,
  NodeRegistry,
  onTrouble,
  ProblemStore,
  ResultReader,
  RetentionStore,
  type Replication,
  RunStore,
  subscribeEvents,
  SubmissionStore,
  TenantStore,
  type RedisConnection,
} from '@sandpiper/store';
import {
  countReconnects,
  createSchedulerMetrics,
  type Logger,
  NO_TRACING,
  type Tracing,
} from '@sandpiper/telemetry';
import { fastify, type FastifyError } from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import type { Redis } from 'ioredis';
import { Admission } from './admission.js';
import { OfferedRuntimes } from './offered-runtimes.js';
import { auditRequests } from './http/audit.js';
import { authenticate, type AuthOptions } from './http/auth.js';
import { followersOf } from './batches/batch-follower.js';
import { BatchIntake } from './batches/batch-intake.js';
import { BODIES_IN_FLIGHT, DEFAULT_STUCK_MS, takeBodies } from './bodies/bodies.js';
import { ParserPool } from './bodies/parser-pool.js';
import type { LimitCeilings } from './bodies/prepared.js';
import { Bounds, followMemory, type RetentionOptions } from './bounds.js';
import { ByteBudget } from './http/byte-budget.js';
import { lingerAfterRefusals } from './http/lingering-close.js';
import { type CallbackOptions, Callbacks } from './callbacks/callbacks.js';
import type { App, Context } from './context.js';
import { Leader } from './leader.js';
import { CheckPool } from './judging/check-pool.js';
import { startJudge } from './judging/judge-host.js';
import { DEFAULT_JUDGING, type JudgingOptions } from './judging/judging-options.js';
import { PackageIntake } from './judging/package-intake.js';
import { sweepSubmissions } from './judging/sweep.js';
import { closePromptly } from './drain.js';
import { liveFollowersOf } from './live/live-follower.js';
import { takeSnapshot } from './metrics-snapshot.js';
import { DEFAULT_STREAMS, OpenStreams, type StreamLimits } from './http/open-streams.js';
import { guardOrigins } from './http/origin-guard.js';
import { problemHandler } from './problems.js';
import { RedisGate } from './redis/redis-gate.js';
import { REPLIES_IN_FLIGHT, Replies } from './http/replies.js';
import { traceRequests } from './http/request-spans.js';
import { batchIntakeRoute, batchStreamRoutes } from './routes/batch-streams.js';
import { batchRoutes } from './routes/batches.js';
import { callbackRoutes } from './routes/callbacks.js';
import { deadLetterRoutes } from './routes/dead-letters.js';
import { keyRoutes } from './routes/keys.js';
import { nodeRoutes } from './routes/nodes.js';
import { operationRoutes } from './routes/operations.js';
import { packageIntakeRoute, problemRoutes } from './routes/problem-packages.js';
import { acceptWebSockets, runStreamRoute } from './routes/run-stream.js';
import { runRoutes } from './routes/runs.js';
import { submissionRoutes } from './routes/submissions.js';
import { tenantRoutes } from './routes/tenants.js';
import { answerUnparsed } from './http/unparsed.js';
import { validatorCompiler } from './validation.js';
import { Waiters } from './waiters.js';

export interface AppDeps {
  /** A fail-fast connection, several for large values, and one for pub/sub only; the app closes them. */
  readonly redis: RedisConnection;
  readonly bulk: readonly RedisConnection[];
  readonly subscriber: Redis;
  /** Confirms a submission before it is accepted; the app closes it. Default: the Redis master alone. */
  readonly replication?: Replication;
  readonly log: Logger;
  readonly bodyLimit: number;
  /** Largest NDJSON batch, bytes. */
  readonly batchLimit: number;
  /**
   * Bodies in flight: all of them, of which a tenant gets a quarter, bytes; and how soon one must get on,
   * milliseconds.
   */
  readonly bodies?: { readonly all?: number; readonly stuckMs?: number };
  readonly maxQueue: number;
  readonly retention: RetentionOptions;
  readonly auth: AuthOptions;
  /** Host names of the service besides those of this host, in lower case. */
  readonly allowedHosts?: readonly string[];
  /** The caller closes it after the app. */
  readonly tracing?: Tracing;
  /** Without it callbacks are refused. */
  readonly callbacks?: CallbackOptions;
  readonly streams?: StreamLimits;
  readonly ceilings?: LimitCeilings;
  /** The service was asked to stop: it is not ready any more. Default: never. */
  readonly isLeaving?: () => boolean;
  readonly judging?: JudgingOptions;
  /** Engines that the nodes offer; default seccomp alone. */
  readonly engines?: readonly Engine[];
  /** Runtimes that nodes will have, beside those that they have now. */
  readonly expectedRuntimes?: readonly string[];
}

const NO_CALLBACKS = 'callbacks are disabled on this service: SANDPIPER_CALLBACK_SECRET is not set';

/** A client that sends its request more slowly than this is cut off. */
const REQUEST_TIMEOUT_MS = 120_000;

/** The HTTP API as a fastify instance that is not listening yet. */
export async function buildApp(deps: AppDeps): Promise<App> {
  const context = makeContext(deps);
  const app = fastify({
    logger: false,
    bodyLimit: deps.bodyLimit,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: 256 },
    // Two cases that would bypass the usual error shape: a path that the router refuses, and malformed HTTP.
    frameworkErrors: (error, request, reply) => void problemHandler(deps.log)(error, request, reply),
    clientErrorHandler: answerUnparsed,
  }).withTypeProvider<ZodTypeProvider>();

  app.setValidatorCompiler(validatorCompiler);
  // Results were validated when they were written; validating ten thousand of them again would block the
  // event loop.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler<FastifyError>(problemHandler(deps.log));
  const stuckMs = deps.bodies?.stuckMs ?? DEFAULT_STUCK_MS;
  const { ceilings } = context.admission.options;
  takeBodies(app, context.bodies, context.parsers, { limit: deps.bodyLimit, ceilings, stuckMs });
  lingerAfterRefusals(app);
  const isTaken = closePromptly(app);
  forbidGuessing(app);
  countRequests(app, context);
  traceRequests(app, deps.tracing ?? NO_TRACING);
  await acceptWebSockets(app, isTaken);
  guardOrigins(app, { keys: deps.auth.on, hosts: deps.allowedHosts ?? [] });
  await describeApi(app);
  auditRequests(app, deps.log);
  const checkKey = authenticate(app, context.keys, context.gate, deps.auth);
  runRoutes(app, context);
  runStreamRoute(app, context, checkKey);
  batchRoutes(app, context);
  batchStreamRoutes(app, context, checkKey);
  await app.register((plugin: App, _options, done) => {
    batchIntakeRoute(plugin, context, { line: deps.bodyLimit, all: deps.batchLimit, stuckMs });
    done();
  });
  problemRoutes(app, context);
  await app.register((plugin: App, _options, done) => {
    packageIntakeRoute(plugin, context);
    done();
  });
  submissionRoutes(app, context);
  nodeRoutes(app, context);
  tenantRoutes(app, context);
  keyRoutes(app, context);
  deadLetterRoutes(app, context);
  callbackRoutes(app, context);
  operationRoutes(app, context, () => context.store.ping());
  followEvents(app, deps, context);
  return app;
}

function makeContext(deps: AppDeps): Context {
  const { redis, log } = deps;
  const bell = new Doorbell(redis);
  const store = new RunStore(redis, bell);
  const batches = new BatchStore(redis, bell);
  const retention = new RetentionStore(redis);
  const bounds = new Bounds(deps.maxQueue, deps.retention);
  const backlog = new Backlog(redis, bell);
  const nodes = new NodeRegistry(redis);
  const deadLetters = new DeadLetterStore(redis);
  onTrouble(redis, (reason) => log.warn({ reason }, 'Redis cannot be reached'));
  deps.subscriber.on('error', () => undefined);
  for (const connection of deps.bulk) connection.on('error', () => undefined);
  const gate = new RedisGate(redis, log);
  const metrics = createSchedulerMetrics(() =>
    takeSnapshot({
      ...{ redis, gate, store, batches, backlog, nodes, deadLetters },
      ...{ retention, bounds, callbacks },
    }),
  );
  countReconnects(redis, metrics.redisReconnects);
  const runtimes = new OfferedRuntimes(deps.expectedRuntimes);
  const leader = new Leader({
    ...{ batches, backlog, nodes, retention, bounds, log },
    onNodes: (views) => runtimes.update(views),
    up: () => gate.up,
    onPutBack: (runs) => metrics.putBack.inc(runs),
  });
  const results = new ResultReader(redis, deps.bulk);
  const callbacks =
    deps.callbacks === undefined
      ? null
      : new Callbacks(deps.callbacks, {
          ...{ redis, results, log },
          up: () => gate.up,
          onOutcome: (outcome) => metrics.callbacks.inc({ outcome }),
          tracing: deps.tracing ?? NO_TRACING,
        });
  const [bulk = redis] = deps.bulk;
  const admission = new Admission(store, new RunStore(bulk, bell), deps.replication ?? NO_REPLICATION, {
    bounds: () => bounds.queue,
    ceilings: deps.ceilings ?? {},
    engines: deps.engines ?? ['seccomp'],
    runtimes: () => runtimes.names,
    callbackFault: (url) => (callbacks === null ? NO_CALLBACKS : callbacks.faultOf(url)),
  });
  const inFlight = deps.bodies?.all ?? BODIES_IN_FLIGHT;
  const { packages: packageBounds, folder } = deps.judging ?? DEFAULT_JUDGING;
  const checks = new CheckPool(packageBounds, folder);
  return {
    isLeaving: deps.isLeaving ?? (() => false),
    store,
    batches,
    backlog,
    nodes,
    deadLetters,
    tenants: new TenantStore(redis, bell),
    problems: new ProblemStore(redis),
    submissions: new SubmissionStore(bulk),
    keys: new ApiKeyStore(redis),
    retention,
    bounds,
    live: new LiveStore(redis, () => bounds.queue),
    hints: new LiveHints(deps.subscriber),
    gate,
    bodies: new ByteBudget({ all: inFlight, perTenant: inFlight / 4 }),
    parsers: new ParserPool(deps.ceilings ?? {}),
    replies: new Replies(results, new ByteBudget(REPLIES_IN_FLIGHT), gate),
    streams: new OpenStreams(deps.streams ?? DEFAULT_STREAMS),
    admission,
    runtimes,
    intake: new BatchIntake({ store: batches, bulk: new BatchStore(bulk, bell), admission }),
    leader,
    checks,
    packages: new PackageIntake({
      problems: new ProblemStore(bulk),
      checks,
      bounds: () => bounds.judging,
      folder,
      limit: packageBounds.fileBytes,
      stuckMs: deps.bodies?.stuckMs ?? DEFAULT_STUCK_MS,
    }),
    callbacks,
    metrics,
    log,
    waiters: new Waiters(),
  };
}

/** Answers contain untrusted names and output: browsers must not sniff another content type. */
function forbidGuessing(app: App): void {
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.header('X-Content-Type-Options', 'nosniff');
    done();
  });
}

function countRequests(app: App, context: Context): void {
  app.addHook('onResponse', (request, reply, done) => {
    // The pattern, not the URL: ids must not become labels.
    const labels = { method: request.method, route: request.routeOptions.url ?? 'unknown' };
    context.metrics.httpRequests.inc({ ...labels, status: String(reply.statusCode) });
    context.metrics.httpDuration.observe(labels, reply.elapsedTime / 1000);
    done();
  });
}

async function describeApi(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sandpiper',
        version: '1',
        description: 'Runs untrusted Python at scale and in safety.',
      },
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
}

function followEvents(app: App, deps: AppDeps, context: Context): void {
  const { waiters, leader, callbacks } = context;
  const subscription = subscribeEvents(deps.subscriber, {
    onFinished(event) {
      waiters.wake(event.runId);
      waiters.wake(liveFollowersOf(event.runId));
      if (event.batchId !== '') waiters.wake(followersOf(event.batchId));
      if (event.batchDone) waiters.wake(event.batchId);
      leader.ended();
      if (event.callback) callbacks?.wake();
    },
    onNodesChanged: () => leader.nodesChanged(),
    onSubmission: (id) => waiters.wake(id),
    onReady() {
      waiters.wakeAll();
      leader.nodesChanged();
    },
  });
  // A wait must not sleep while Redis is away: its next read answers 503.
  deps.redis.on('close', () => waiters.wakeAll());
  deps.redis.on('ready', () => {
    leader.reconnected();
    leader.nodesChanged();
  });
  const stopLooking = followMemory(deps.redis, context.bounds, deps.log);
  const stopSweeping = sweepSubmissions(context);
  const { engines, ceilings } = context.admission.options;
  const judge = startJudge(deps.judging ?? DEFAULT_JUDGING, {
    maxQueue: deps.maxQueue,
    retention: deps.retention,
    engines,
    ceilings,
    log: deps.log,
  });
  leader.start();
  callbacks?.start();
  app.addHook('preClose', (done) => {
    waiters.close();
    done();
  });
  app.addHook('onClose', async () => {
    subscription.close();
    stopLooking();
    stopSweeping();
    await Promise.all([leader.close(), callbacks?.close(), judge?.close()]);
    await Promise.all([context.parsers.close(), context.checks.close()]);
    deps.redis.disconnect();
    deps.replication?.close();
    for (const connection of deps.bulk) connection.disconnect();
  });
}
