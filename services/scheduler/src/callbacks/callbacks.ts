import { CALLBACK_QUEUE, type CallbackJob, type FailedCallback } from '@sandpiper/contracts';
import {
  CallbackOutbox,
  keepFewEvents,
  openQueue,
  type RedisConnection,
  type ResultReader,
} from '@sandpiper/store';
import type { Logger, Tracing } from '@sandpiper/telemetry';
import type { Queue } from 'bullmq';
import { AddressPolicy, type Network } from './address-policy.js';
import { CallbackDeliverer, type CallbackOutcome } from './deliverer.js';
import { faultOf, resolveByDns, type Resolve } from './destination.js';
import { OutboxMover } from './outbox-mover.js';
import { tenantSecret } from './signature.js';

/** Number of failed callbacks that are listed. */
const MAX_SHOWN = 1_000;

export interface CallbackOptions {
  /** The service secrets from which tenant secrets are derived, the current one first. */
  readonly secrets: readonly [string, ...string[]];
  /** Networks allowed for callbacks besides the public Internet. */
  readonly allow: readonly Network[];
  readonly attempts: number;
  /** Before the second attempt, milliseconds. */
  readonly firstBackOffMs: number;
  /** Timeout of one attempt, from the name look-up to the end of the answer. */
  readonly timeoutMs: number;
  /** A patient connection for the sender; the app closes it. */
  readonly connection: RedisConnection;
  readonly resolve?: Resolve;
  /** Certificate authorities to trust instead of the default ones. */
  readonly ca?: string;
  /** Lease on entries taken from the outbox, milliseconds. */
  readonly leaseMs?: number;
}

export interface CallbacksDeps {
  readonly redis: RedisConnection;
  readonly results: ResultReader;
  readonly log: Logger;
  readonly up: () => boolean;
  readonly onOutcome: (outcome: CallbackOutcome) => void;
  readonly tracing: Tracing;
}

/** Number of callbacks by stage. */
export interface CallbackCounts {
  readonly outbox: number;
  readonly waiting: number;
  readonly delayed: number;
  readonly active: number;
  readonly failed: number;
}

/** The entry point to callbacks: admission, delivery, and failed callbacks. */
export class Callbacks {
  private readonly policy: AddressPolicy;
  private readonly outbox: CallbackOutbox;
  private readonly queue: Queue<CallbackJob>;
  private readonly mover: OutboxMover;
  private readonly deliverer: CallbackDeliverer;

  constructor(
    private readonly options: CallbackOptions,
    { redis, results, log, up, onOutcome, tracing }: CallbacksDeps,
  ) {
    const { connection, attempts, leaseMs, ca } = options;
    this.policy = new AddressPolicy(options.allow);
    this.outbox = new CallbackOutbox(redis);
    this.queue = openQueue<CallbackJob>(CALLBACK_QUEUE, redis);
    keepFewEvents(redis, this.queue);
    connection.on('error', (error: Error) => log.debug({ reason: error.message }, 'Redis connection'));
    this.mover = new OutboxMover({
      outbox: this.outbox,
      queue: this.queue,
      attempts,
      log,
      up,
      ...(leaseMs === undefined ? {} : { leaseMs }),
    });
    this.deliverer = new CallbackDeliverer({
      outbox: this.outbox,
      results,
      connection,
      serviceSecrets: options.secrets,
      policy: this.policy,
      resolve: options.resolve ?? resolveByDns,
      timeoutMs: options.timeoutMs,
      firstBackOffMs: options.firstBackOffMs,
      log,
      onOutcome,
      tracing,
      ...(ca === undefined ? {} : { ca }),
    });
  }

  start(): void {
    this.mover.start();
    this.deliverer.start();
  }

  /** A run has ended. */
  wake(): void {
    this.mover.wake();
  }

  /** @returns why callbacks to this URL are refused, as words that follow the field's name, or null. */
  faultOf(url: string): string | null {
    return faultOf(url, this.policy);
  }

  secretOf(tenant: string): string {
    return tenantSecret(this.options.secrets[0], tenant);
  }

  async counts(): Promise<CallbackCounts> {
    const [outbox, jobs] = await Promise.all([
      this.outbox.count(),
      this.queue.getJobCounts('waiting', 'delayed', 'active', 'failed'),
    ]);
    const { waiting = 0, delayed = 0, active = 0, failed = 0 } = jobs;
    return { outbox, waiting, delayed, active, failed };
  }

  /** Failed callbacks, the latest first. */
  async failed(): Promise<FailedCallback[]> {
    const jobs = await this.queue.getFailed(0, MAX_SHOWN - 1);
    const targets = await this.outbox.targets(jobs.map((job) => job.data.id));
    return jobs.map((job, i) => ({
      id: job.data.id,
      tenant: targets[i]?.tenant ?? null,
      origin: originOf(targets[i]?.url),
      attempts: job.attemptsMade,
      reason: job.failedReason,
      givenUpAt: new Date(job.finishedOn ?? job.timestamp).toISOString(),
    }));
  }

  /** Starts all attempts again. @returns false when it is not among the failed callbacks. */
  async retry(id: string): Promise<boolean> {
    const job = await this.queue.getJob(id);
    if (job === undefined || !(await job.isFailed())) return false;
    await job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });
    return true;
  }

  async close(): Promise<void> {
    await Promise.all([this.mover.close(), this.deliverer.close()]);
    await this.queue.close().catch(() => undefined);
    this.options.connection.disconnect();
  }
}

const originOf = (url: string | undefined): string | null =>
  url !== undefined && URL.canParse(url) ? new URL(url).origin : null;
