import type { RunState } from '@sandpiper/contracts';
import type { RedisConnection } from '../redis/connection.js';
import { runKey } from '../keys.js';
import { chunks, throwFirstError } from '../redis/pipelines.js';
import { assertReadable } from '../schema.js';
import { Script } from '../redis/script.js';

const READ_RUN = new Script('sandpiperReadRun', 1, 'lifecycle/read-run');

/** The state of a run and the length of its result. */
export interface RunHead {
  readonly id: string;
  readonly state: RunState['state'];
  /** Length of its result as JSON; 0 without one. */
  readonly bytes: number;
}

/** The result if it is short enough; null when it is longer or absent. */
export interface ShortRun extends RunHead {
  readonly result: Buffer | null;
}

/** A connection for large replies, and the bytes in flight on it. */
interface Lane {
  readonly redis: RedisConnection;
  bytes: number;
}

/**
 * Reads results as their stored JSON bytes, which are passed to clients unparsed. Lengths and short results
 * use the common connection; long results use separate connections, because every reply on a connection waits
 * for those before it.
 */
export class ResultReader {
  private readonly lanes: readonly Lane[];

  /** @param bulk connections for long results, at least one */
  constructor(
    private readonly redis: RedisConnection,
    bulk: readonly RedisConnection[],
  ) {
    this.lanes = bulk.map((connection) => ({ redis: connection, bytes: 0 }));
  }

  /** @param most the longest result to return, bytes; @returns null for an unknown run */
  async run(id: string, most: number): Promise<ShortRun | null> {
    const reply = (await READ_RUN.runBytes(this.redis, runKey(id), most)) as
      | [Buffer, number, Buffer, Buffer]
      | null;
    if (reply === null) return null;
    const [state, bytes, result, schema] = reply;
    assertReadable(`run ${id}`, schema.toString());
    const head = { id, state: state.toString() as RunState['state'], bytes };
    return { ...head, result: result.length === 0 ? null : result };
  }

  /** One entry per id; null for an unknown run. */
  async heads(ids: readonly string[]): Promise<(RunHead | null)[]> {
    const heads: (RunHead | null)[] = [];
    for (const some of chunks(ids)) {
      const pipeline = this.redis.pipeline();
      for (const id of some) pipeline.hget(runKey(id), 'state').hstrlen(runKey(id), 'result');
      const replies = throwFirstError(await pipeline.exec());
      for (const [i, id] of some.entries()) {
        const state = replies[2 * i] as RunState['state'] | null;
        heads.push(state === null ? null : { id, state, bytes: replies[2 * i + 1] as number });
      }
    }
    return heads;
  }

  /** Reads results in one round trip. The caller bounds their total size. @param bytes the total size */
  async results(ids: readonly string[], bytes: number): Promise<(Buffer | null)[]> {
    const lane = this.lanes.reduce((least, other) => (other.bytes < least.bytes ? other : least));
    lane.bytes += bytes;
    try {
      const pipeline = lane.redis.pipeline();
      for (const id of ids) pipeline.hgetBuffer(runKey(id), 'result');
      return throwFirstError(await pipeline.exec()) as (Buffer | null)[];
    } finally {
      lane.bytes -= bytes;
    }
  }
}
