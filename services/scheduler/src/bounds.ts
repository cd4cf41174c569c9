import {
  DEFAULT_KEEP_ENDED,
  DEFAULT_RETENTION_SECONDS,
  type JudgingBounds,
  type KeepBounds,
  memoryOf,
  type QueueBounds,
  type RedisConnection,
} from '@sandpiper/store';
import type { Logger } from '@sandpiper/telemetry';

/** Defaults: fractions of Redis's maxmemory, or these figures where it has none or does not report it. */
const QUEUE_PART = 1 / 4;
const KEEP_PART = 1 / 2;
const PROBLEM_PART = 1 / 8;
const SUBMISSION_PART = 1 / 16;
const DEFAULT_QUEUE_BYTES = 1024 ** 3;
const DEFAULT_KEEP_BYTES = 4 * 1024 ** 3;
const DEFAULT_PROBLEM_BYTES = 1024 ** 3;
const DEFAULT_SUBMISSION_BYTES = 512 * 1024 ** 2;

/** Versions of problems, of all tenants. */
const MAX_VERSIONS = 10_000;
const DEFAULT_MAX_SUBMISSIONS = 10_000;

/** Interval of reading Redis's maxmemory, milliseconds. */
const LOOK_MS = 60_000;

export interface RetentionOptions {
  readonly retentionSeconds?: number;
  readonly keepEnded?: number;
  /** Default: a fraction of Redis's memory. */
  readonly queueBytes?: number;
  readonly keepBytes?: number;
  readonly problemBytes?: number;
  readonly submissionBytes?: number;
  /** Submissions that may wait for a judge. */
  readonly maxSubmissions?: number;
  /** Share of each bound for a tenant without its own limit: above 0, at most 1. */
  readonly tenantShare?: number;
}

/**
 * Bounds on what is admitted and kept. They are refreshed now and then, because Redis's maxmemory may change
 * at run time.
 */
export class Bounds {
  private max = 0;

  constructor(
    private readonly maxQueue: number,
    private readonly options: RetentionOptions,
  ) {}

  /** @throws the connection's error when Redis is away */
  async look(redis: RedisConnection): Promise<void> {
    this.max = (await memoryOf(redis))?.max ?? 0;
  }

  get queue(): QueueBounds {
    const bytes = this.options.queueBytes ?? this.part(QUEUE_PART, DEFAULT_QUEUE_BYTES);
    return {
      runs: this.maxQueue,
      bytes,
      tenantRuns: this.share(this.maxQueue),
      tenantBytes: this.share(bytes),
    };
  }

  get keep(): KeepBounds {
    const { retentionSeconds = DEFAULT_RETENTION_SECONDS, keepEnded: records = DEFAULT_KEEP_ENDED } =
      this.options;
    const bytes = this.options.keepBytes ?? this.part(KEEP_PART, DEFAULT_KEEP_BYTES);
    return {
      retentionSeconds,
      records,
      bytes,
      tenantRecords: this.share(records),
      tenantBytes: this.share(bytes),
    };
  }

  get judging(): JudgingBounds {
    const { maxSubmissions: waiting = DEFAULT_MAX_SUBMISSIONS } = this.options;
    const problemBytes = this.options.problemBytes ?? this.part(PROBLEM_PART, DEFAULT_PROBLEM_BYTES);
    const submissionBytes =
      this.options.submissionBytes ?? this.part(SUBMISSION_PART, DEFAULT_SUBMISSION_BYTES);
    return {
      versions: MAX_VERSIONS,
      tenantVersions: this.share(MAX_VERSIONS),
      problemBytes,
      tenantProblemBytes: this.share(problemBytes),
      waiting,
      tenantWaiting: this.share(waiting),
      submissionBytes,
      tenantSubmissionBytes: this.share(submissionBytes),
    };
  }

  /** Whether the configured bounds fit into Redis's memory, as far as known. */
  get fits(): boolean {
    return this.max === 0 || this.queue.bytes + this.keep.bytes <= this.max;
  }

  private part(part: number, usual: number): number {
    return this.max === 0 ? usual : Math.floor(this.max * part);
  }

  private share(most: number): number {
    return Math.max(1, Math.floor(most * (this.options.tenantShare ?? 1)));
  }
}

/**
 * Keeps the bounds in step with Redis's maxmemory, and logs once when they do not fit.
 * @returns a function that stops it
 */
export function followMemory(redis: RedisConnection, bounds: Bounds, log: Logger): () => void {
  let told = false;
  const look = (): void => {
    if (redis.status !== 'ready') return;
    bounds.look(redis).then(
      () => {
        if (bounds.fits || told) return;
        told = true;
        log.warn(
          { queueBytes: bounds.queue.bytes, keepBytes: bounds.keep.bytes },
          'SANDPIPER_QUEUE_BYTES and SANDPIPER_KEEP_BYTES exceed the maxmemory of Redis: raise maxmemory, or lower them',
        );
      },
      // Redis went away: the next tick after its return checks again.
      () => undefined,
    );
  };
  redis.on('ready', look);
  const timer = setInterval(look, LOOK_MS);
  look();
  return () => {
    redis.off('ready', look);
    clearInterval(timer);
  };
}
