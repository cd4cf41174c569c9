import { LIVE_BOUNDS, type LiveInput, type RunState } from '@sandpiper/contracts';
import { queueBounds, type QueueBounds, roomArguments } from './bounds.js';
import type { RedisConnection } from './connection.js';
import { assertReadable } from './schema.js';
import type { Fence } from './store.js';
import { liveFeederKey, liveInputKey, liveKey, liveOutputKey, runKey } from './keys.js';
import {
  APPEND_OUTPUT,
  BEGIN_LIVE,
  FEED_INPUT,
  INTERRUPT_LIVE,
  LOOK_LIVE,
  ORPHAN_INPUT,
  TAKE_INPUT,
} from './scripts/live.js';

export type LiveStream = 'stdout' | 'stderr';

/** Bytes of one of the two streams. */
export interface LivePiece {
  readonly stream: LiveStream;
  readonly data: Buffer;
}

/** What was written at one time. */
export interface LiveEntry {
  /** Of the claim that wrote it ({@link Fence}). */
  readonly epoch: number;
  /** Bytes of both streams that the attempt had written with it. */
  readonly end: number;
  readonly pieces: readonly LivePiece[];
}

export interface LiveView {
  readonly state: RunState['state'];
  readonly attempt: number;
  readonly epoch: number;
  /** Null for a run that brought its input with it. */
  readonly input: LiveInput | null;
  readonly entries: readonly LiveEntry[];
}

export interface InputView {
  /** How often somebody asked for an interrupt, ever. */
  readonly interrupts: number;
  readonly ended: boolean;
  /** Bytes that are here. */
  readonly fed: number;
  readonly hasFeeder: boolean;
  readonly pieces: readonly Buffer[];
}

/**
 * `gap`: the bytes begin behind what is here. `too-fast`: they are further ahead of the program than they may
 * be. `full`: the runs of the tenant, or of all, take as many bytes as they may.
 */
export type FeedVerdict =
  | 'ok'
  | 'missing'
  | 'done'
  | 'not-live'
  | 'gap'
  | 'ended'
  | 'too-large'
  | 'too-fast'
  | 'full';

/** A feeder that has not been heard of for so long is gone, seconds. */
export const FEEDER_SECONDS = 30;

/** The streams of live runs. Every method is one round trip, and rejects when Redis is away. */
export class LiveStore {
  /** @param bounds of what may be fed */
  constructor(
    private readonly redis: RedisConnection,
    private readonly bounds: () => QueueBounds = () => queueBounds({}),
  ) {}

  /**
   * For the node: an attempt begins. @returns how often it was interrupted before; null: another attempt
   * runs.
   */
  async begin(id: string, { claim, epoch }: Fence): Promise<number | null> {
    const reply = await BEGIN_LIVE.run(this.redis, runKey(id), liveKey(id), liveOutputKey(id), claim, epoch);
    return reply === -1 ? null : (reply as number);
  }

  /**
   * For the node: the attempt has written. Safe to repeat with the same pieces.
   * @param end bytes that it has written with these; @returns false when another attempt runs, or none
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

  /**
   * For followers. @param after bytes of the attempt of that epoch that are known; @returns null when nobody
   * knows the run
   */
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
    // The streams are part of the run, and of its form.
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
   * For whoever feeds the run.
   * @param at where the bytes stand in the input; null: behind what is here
   * @param last nothing comes after them
   */
  async feed(
    id: string,
    at: number | null,
    data: Uint8Array,
    last: boolean,
  ): Promise<{ verdict: FeedVerdict; received: number }> {
    const [verdict, received] = (await FEED_INPUT.run(
      this.redis,
      runKey(id),
      liveKey(id),
      liveInputKey(id),
      liveOutputKey(id),
      at ?? '',
      Buffer.from(data.buffer, data.byteOffset, data.byteLength),
      last ? 1 : 0,
      ...roomArguments(this.bounds()),
    )) as [FeedVerdict, string];
    return { verdict, received: Number(received) };
  }

  /**
   * For the node: input behind what the program has.
   * @param most pieces to read at most; @returns null when another attempt runs, or none
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

  /**
   * For the node: ends the input, unless somebody is there who may feed it. @param position bytes the program
   * has
   */
  async orphan(id: string, position: number): Promise<boolean> {
    const keys = [runKey(id), liveKey(id), liveInputKey(id), liveOutputKey(id), liveFeederKey(id)];
    return (await ORPHAN_INPUT.run(this.redis, ...keys, position)) === 1;
  }

  /** Somebody who may feed the run is there, and for {@link FEEDER_SECONDS} from now taken to be. */
  async feederIsThere(id: string): Promise<void> {
    await this.redis.set(liveFeederKey(id), '1', 'EX', FEEDER_SECONDS);
  }

  /** @returns false when it does not run */
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
