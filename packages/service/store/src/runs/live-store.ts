import { LIVE_BOUNDS, type LiveInput, type RunState } from '@sandpiper/contracts';
import { queueBounds, type QueueBounds, roomArguments } from '../bounds.js';
import type { RedisConnection } from '../redis/connection.js';
import { assertReadable } from '../schema.js';
import type { Fence } from './store.js';
import { liveFeederKey, liveInputKey, liveKey, liveOutputKey, runKey } from '../keys.js';
import {
  APPEND_OUTPUT,
  BEGIN_LIVE,
  FEED_INPUT,
  INTERRUPT_LIVE,
  LOOK_LIVE,
  ORPHAN_INPUT,
  TAKE_INPUT,
} from '../scripts/live.js';

export type LiveStream = 'stdout' | 'stderr';

/** A piece of one of the two streams. */
export interface LivePiece {
  readonly stream: LiveStream;
  readonly data: Buffer;
}

/** One stored entry of output. */
export interface LiveEntry {
  /** Epoch of the claim that wrote it ({@link Fence}). */
  readonly epoch: number;
  /** Total bytes of both streams, this entry included. */
  readonly end: number;
  readonly pieces: readonly LivePiece[];
}

export interface LiveView {
  readonly state: RunState['state'];
  readonly attempt: number;
  readonly epoch: number;
  /** Null for a run with its input in the request. */
  readonly input: LiveInput | null;
  readonly entries: readonly LiveEntry[];
}

export interface InputView {
  /** Total number of requested interrupts. */
  readonly interrupts: number;
  readonly ended: boolean;
  /** Received bytes. */
  readonly fed: number;
  readonly hasFeeder: boolean;
  readonly pieces: readonly Buffer[];
}

/**
 * `gap`: the bytes do not follow the received ones. `too-fast`: they are too far ahead of the program.
 * `full`: the tenant, or all tenants together, have used up their bytes.
 */
export type FeedOutcome =
  | 'ok'
  | 'missing'
  | 'done'
  | 'not-live'
  | 'gap'
  | 'ended'
  | 'too-large'
  | 'too-fast'
  | 'full';

/** A feeder that is silent for this long is gone, seconds. */
export const FEEDER_SECONDS = 30;

/** The streams of live runs. Every method is one round trip, and rejects when Redis is away. */
export class LiveStore {
  /** @param bounds bounds on the input */
  constructor(
    private readonly redis: RedisConnection,
    private readonly bounds: () => QueueBounds = () => queueBounds({}),
  ) {}

  /**
   * For the node: begins an attempt. @returns the number of earlier interrupts; null when another attempt
   * runs.
   */
  async begin(id: string, { claim, epoch }: Fence): Promise<number | null> {
    const reply = await BEGIN_LIVE.run(this.redis, runKey(id), liveKey(id), liveOutputKey(id), claim, epoch);
    return reply === -1 ? null : (reply as number);
  }

  /**
   * For the node: stores output of the attempt. Safe to repeat with the same pieces.
   * @param end total bytes written, these included; @returns false when another attempt runs, or none
   */
  async append(id: string, fence: Fence, end: number, pieces: readonly LivePiece[]): Promise<boolean> {
    const fields = pieces.flatMap(({ stream, data }) => [stream === 'stdout' ? 'o' : 'e', data]);
    const reply = await APPEND_OUTPUT.runBytes(
      this.redis,
      runKey(id),
      liveKey(id),
      liveOutputKey(id),
      fence.claim,
      fence.epoch,
      end,
      ...fields,
    );
    return reply === 1;
  }

  /** For followers. @param after epoch and known bytes of the attempt; @returns null for an unknown run */
  async look(id: string, after: { epoch: number; end: number }, most: number): Promise<LiveView | null> {
    const reply = (await LOOK_LIVE.runBytes(
      this.redis,
      runKey(id),
      liveKey(id),
      liveOutputKey(id),
      `(${after.epoch}-${after.end}`,
      most,
    )) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, RawEntry[], Buffer] | null;
    if (reply === null) return null;
    // The streams belong to the run and share its schema.
    assertReadable(`run ${id}`, reply[9].toString());
    const [state, attempt, live, epoch, fed, consumed, wanted, ended] = reply.slice(0, 8).map(String);
    return {
      state: state as RunState['state'],
      attempt: Number(attempt),
      epoch: Number(epoch),
      input:
        live !== '1'
          ? null
          : {
              received: Number(fed),
              upTo: Math.min(Number(consumed) + LIVE_BOUNDS.window, LIVE_BOUNDS.input),
              wanted: wanted === '1',
              ended: ended === '1',
            },
      entries: reply[8].map(toEntry),
    };
  }

  /**
   * For feeders of the run.
   * @param at offset of the bytes in the input; null: append
   * @param last whether the input ends after them
   */
  async feed(
    id: string,
    at: number | null,
    data: Uint8Array,
    last: boolean,
  ): Promise<{ outcome: FeedOutcome; received: number }> {
    const [outcome, received] = (await FEED_INPUT.run(
      this.redis,
      runKey(id),
      liveKey(id),
      liveInputKey(id),
      liveOutputKey(id),
      at ?? '',
      Buffer.from(data.buffer, data.byteOffset, data.byteLength),
      last ? 1 : 0,
      ...roomArguments(this.bounds()),
    )) as [FeedOutcome, string];
    return { outcome, received: Number(received) };
  }

  /**
   * For the node: input that the program has not got yet.
   * @param most maximum number of pieces; @returns null when another attempt runs, or none
   */
  async take(
    id: string,
    fence: Fence,
    position: number,
    wanted: boolean,
    most: number,
  ): Promise<InputView | null> {
    const reply = (await TAKE_INPUT.runBytes(
      this.redis,
      runKey(id),
      liveKey(id),
      liveInputKey(id),
      liveOutputKey(id),
      liveFeederKey(id),
      fence.claim,
      position,
      wanted ? 1 : 0,
      most,
    )) as [Buffer, Buffer, Buffer, number, RawEntry[]] | null;
    if (reply === null) return null;
    const [interrupts, ended, fed, feeder, entries] = reply;
    return {
      interrupts: Number(interrupts),
      ended: String(ended) === '1',
      fed: Number(fed),
      hasFeeder: feeder === 1,
      pieces: entries.map(([, fields]) => fields[1] ?? Buffer.alloc(0)),
    };
  }

  /** For the node: ends the input unless a feeder is connected. @param position bytes that the program has */
  async orphan(id: string, position: number): Promise<boolean> {
    const keys = [runKey(id), liveKey(id), liveInputKey(id), liveOutputKey(id), liveFeederKey(id)];
    return (await ORPHAN_INPUT.run(this.redis, ...keys, position)) === 1;
  }

  /** A feeder is connected; it counts as connected for {@link FEEDER_SECONDS} from now. */
  async feederIsThere(id: string): Promise<void> {
    await this.redis.set(liveFeederKey(id), '1', 'EX', FEEDER_SECONDS);
  }

  /** @returns false when the run is not running */
  async interrupt(id: string): Promise<boolean> {
    return (await INTERRUPT_LIVE.run(this.redis, runKey(id), liveKey(id), liveInputKey(id))) === 1;
  }
}

type RawEntry = readonly [id: Buffer, fields: readonly Buffer[]];

function toEntry([id, fields]: RawEntry): LiveEntry {
  const [epoch, end] = String(id).split('-').map(Number);
  const pieces: LivePiece[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const data = fields[at + 1];
    const name = String(fields[at]);
    if (data !== undefined && name !== 'b') {
      pieces.push({ stream: name === 'o' ? 'stdout' : 'stderr', data });
    }
  }
  return { epoch: epoch ?? 0, end: end ?? 0, pieces };
}
