import {
  DEFAULT_KEEP_ENDED,
  DEFAULT_RETENTION_SECONDS,
  type KeepBounds,
  memoryOf,
  type QueueBounds,
  type RedisConnection,
} from '@sandpiper/store';
import type { Logger } from '@sandpiper/telemetry';

/**
 * Where nothing was said: parts of what Redis may use, or these figures where it has no bound or does not
 * tell.
 */
const QUEUE_PART = 1 / 4;
const KEEP_PART = 1 / 2;
const DEFAULT_QUEUE_BYTES = 1024 ** 3;
const DEFAULT_KEEP_BYTES = 4 * 1024 ** 3;

/** How often we look at what Redis may use, milliseconds. */
const LOOK_MS = 60_000;

export interface RetentionOptions {
  readonly retentionSeconds?: number;
  readonly keepEnded?: number;
  /** Left out: a part of the memory that Redis has. */
  readonly queueBytes?: number;
  readonly keepBytes?: number;
  /** Of each of them, what a tenant gets that has no limit of its own: above 0, at most 1. */
  readonly tenantShare?: number;
}

/**
 * What is taken in and kept at most. Redis may be given more memory, or less, while we run: look again now
 * and then.
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

  /** Whether what was asked for fits into the memory that Redis has, as far as we know. */
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
 * Keeps the bounds at what Redis may use, and says once when they do not fit into it.
 * @returns ends it
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
          'SANDPIPER_QUEUE_BYTES and SANDPIPER_KEEP_BYTES are more than the maxmemory of Redis: give it more, or lower them',
        );
      },
      // Redis went away: it is looked at again when it is back.
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
