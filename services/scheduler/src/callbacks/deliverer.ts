import {
  backOff,
  CALLBACK_QUEUE,
  type CallbackJob,
  MAX_CALLBACK_RESULT_BYTES,
  messageOf,
  withDeadline,
} from '@sandpiper/contracts';
import { type CallbackOutbox, type CallbackTarget, QUEUE_PREFIX, type ResultReader } from '@sandpiper/store';
import type { Logger, Span, Tracing } from '@sandpiper/telemetry';
import { DelayedError, type Job, UnrecoverableError, Worker, type WorkerOptions } from 'bullmq';
import type { AddressPolicy } from './address-policy.js';
import { destinationOf, RefusedDestination, type Resolve } from './destination.js';
import { post, Unreachable } from './post.js';
import { signatureOf, tenantSecret } from './signature.js';
import { Turns } from './turns.js';

/** Callbacks that one scheduler sends concurrently; each may hold a body of some megabytes. */
const PLACES = 16;

/** Back-off between attempts, after the initial delay. docs/callbacks.md has both. */
const BACK_OFF = { factor: 3, maxMs: 60 * 60 * 1000 };

/** A callback without a turn is retried after one to two times this delay, milliseconds. */
const TURN_LATER_MS = 2_000;

/**
 * Another scheduler takes over the callbacks of a dead one after this time, milliseconds; the lock is renewed
 * at half of it.
 */
const LOCK_MS = 15_000;
const LOOK_FOR_DEAD_MS = 5_000;

/**
 * At shutdown, deliveries in progress may finish within this time, milliseconds; another scheduler repeats
 * the rest.
 */
const CLOSE_MS = 5_000;

/** `retry`: a failed attempt that is repeated. */
export type CallbackOutcome = 'delivered' | 'retry' | 'given-up';

export interface DelivererOptions {
  readonly outbox: CallbackOutbox;
  readonly results: ResultReader;
  /** A patient connection, used only by the worker; its creator closes it. */
  readonly connection: WorkerOptions['connection'];
  readonly serviceSecrets: readonly string[];
  readonly policy: AddressPolicy;
  readonly resolve: Resolve;
  readonly timeoutMs: number;
  readonly firstBackOffMs: number;
  readonly ca?: string;
  readonly log: Logger;
  readonly onOutcome: (outcome: CallbackOutcome) => void;
  readonly tracing: Tracing;
}

/**
 * Sends callbacks at least once: an attempt is repeated when its answer is lost or its scheduler dies. The
 * receiver recognises duplicates by `Sandpiper-Delivery`.
 */
export class CallbackDeliverer {
  private readonly turns = new Turns(PLACES);
  private readonly worker: Worker<CallbackJob>;

  constructor(private readonly options: DelivererOptions) {
    this.worker = new Worker<CallbackJob>(CALLBACK_QUEUE, (job, token) => this.process(job, token), {
      connection: options.connection,
      prefix: QUEUE_PREFIX,
      concurrency: PLACES,
      lockDuration: LOCK_MS,
      stalledInterval: LOOK_FOR_DEAD_MS,
      // A scheduler that dies during an attempt is not the callback's fault.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      autorun: false,
      skipVersionCheck: true,
      settings: { backoffStrategy: (attempt) => backOffMs(attempt, options.firstBackOffMs) },
    });
    this.worker.on('error', (error) => options.log.debug({ reason: error.message }, 'callbacks'));
  }

  start(): void {
    this.worker.run().catch((error: unknown) => {
      this.options.log.error({ err: error }, 'the callback worker stopped unexpectedly');
    });
  }

  async close(): Promise<void> {
    const closed = this.worker.close().catch(() => undefined);
    await withDeadline(closed, CLOSE_MS, () => {
      void this.worker.close(true).catch(() => undefined);
    });
  }

  private async process(job: Job<CallbackJob>, token: string | undefined): Promise<void> {
    const { outbox, log, onOutcome } = this.options;
    const { id } = job.data;
    const attempt = job.attemptsMade + 1;
    try {
      const [target] = await outbox.targets([id]);
      if (!target) throw new UnrecoverableError('the run is no longer stored');
      await this.attempt(job, token, target, attempt);
      onOutcome('delivered');
      await this.settle(id);
      log.info({ runId: id, attempt }, 'delivered a callback');
    } catch (error) {
      if (error instanceof DelayedError) throw error;
      const reason = messageOf(error);
      const final = error instanceof UnrecoverableError || attempt >= (job.opts.attempts ?? 1);
      onOutcome(final ? 'given-up' : 'retry');
      if (final) await this.settle(id);
      if (final) log.warn({ runId: id, attempt, reason }, 'gave up a callback');
      else log.info({ runId: id, attempt, reason }, 'a callback failed and will be retried');
      throw error;
    }
  }

  /** When Redis is away, the run is merely kept a week longer; nothing is sent twice. */
  private async settle(id: string): Promise<void> {
    await this.options.outbox.settled(id).catch(() => undefined);
  }

  private async attempt(
    job: Job<CallbackJob>,
    token: string | undefined,
    target: CallbackTarget,
    attempt: number,
  ): Promise<void> {
    const { origin } = new URL(target.url);
    const turn = this.turns.enter(target.tenant, origin);
    if (turn === 'busy') {
      await job.moveToDelayed(Date.now() + TURN_LATER_MS * (1 + Math.random()), token);
      throw new DelayedError();
    }
    if (turn === 'resting') throw new Error('the receiver is unreachable; waiting before the next try');
    const span = this.options.tracing.span('callback', {
      parent: target.trace,
      kind: 'client',
      attributes: {
        'sandpiper.run.id': job.data.id,
        'sandpiper.tenant': target.tenant,
        'sandpiper.attempt': attempt,
      },
    });
    let reached = true;
    try {
      await this.deliver(job.data.id, target, attempt, span);
      span.end();
    } catch (error) {
      span.end({ error: messageOf(error) });
      reached = !(error instanceof Unreachable);
      throw error instanceof RefusedDestination ? new UnrecoverableError(error.message) : error;
    } finally {
      this.turns.leave(target.tenant, origin, reached);
    }
  }

  private async deliver(id: string, target: CallbackTarget, attempt: number, span: Span): Promise<void> {
    const status = await this.send(id, target, attempt);
    span.set({ 'http.response.status_code': status });
    if (status < 200 || status > 299) throw new Error(`the answer was ${status}`);
  }

  /** @returns the status of the answer. */
  private async send(id: string, target: CallbackTarget, attempt: number): Promise<number> {
    const { policy, resolve, timeoutMs, serviceSecrets, ca } = this.options;
    const signal = AbortSignal.timeout(timeoutMs);
    const destination = await destinationOf(target.url, policy, resolve, signal).catch((error: unknown) => {
      if (error instanceof RefusedDestination) throw error;
      throw new Unreachable(messageOf(error));
    });
    const body = await this.bodyOf(id);
    const secrets = serviceSecrets.map((secret) => tenantSecret(secret, target.tenant));
    const headers = {
      'Content-Type': 'application/json',
      'User-Agent': 'sandpiper',
      'Sandpiper-Delivery': id,
      'Sandpiper-Attempt': String(attempt),
      'Sandpiper-Signature': signatureOf(secrets, body, Math.floor(Date.now() / 1000)),
    };
    return post({ destination, body, headers, signal, ...(ca === undefined ? {} : { ca }) });
  }

  /** Follows callbackBodySchema of contracts; the result is inserted as stored. */
  private async bodyOf(id: string): Promise<string> {
    const result = await this.resultOf(id);
    const run = `{"id":${JSON.stringify(id)},"state":"done","result":${result ?? 'null'}}`;
    return `{"event":"run.ended","run":${run}${result === null ? ',"resultOmitted":true' : ''}}`;
  }

  /**
   * @returns its JSON; null when it is too long for a callback. @throws UnrecoverableError when it has
   *   expired
   */
  private async resultOf(id: string): Promise<string | null> {
    const { results } = this.options;
    const [head] = await results.heads([id]);
    const bytes = head?.bytes ?? 0;
    if (bytes > MAX_CALLBACK_RESULT_BYTES) return null;
    const [result] = bytes === 0 ? [] : await results.results([id], bytes);
    if (result) return result.toString();
    throw new UnrecoverableError('the run is no longer stored');
  }
}

/** The delay after an attempt, which has failed. */
export const backOffMs = (attempt: number, firstMs: number): number =>
  backOff(attempt, { firstMs, ...BACK_OFF });
