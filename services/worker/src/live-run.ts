import { LIVE_BOUNDS, messageOf, Pump, withDeadline } from '@sandpiper/contracts';
import type { LiveStreams } from '@sandpiper/controller';
import {
  type Fence,
  type InputView,
  type LiveHints,
  liveInputKey,
  type LivePiece,
  type LiveStore,
  type LiveStream,
} from '@sandpiper/store';
import type { Logger } from '@sandpiper/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import { OutputBacklog } from './output-backlog.js';

export interface LiveRunsOptions {
  readonly store: LiveStore;
  readonly hints: LiveHints;
  readonly log: Logger;
  /** How long a program may wait for input without a connected feeder before its input ends, milliseconds. */
  readonly orphanMs?: number;
}

const DEFAULT_ORPHAN_MS = 60_000;

/** Pieces of input read at once. */
const TAKE_AT_ONCE = 4;

/** Poll interval, which bounds the delay after a lost hint, milliseconds. */
const LOOK_INTERVAL_MS = 5_000;

/** Delay after a failed command, milliseconds. */
const RETRY_MS = 500;

/**
 * Small writes are collected for a while, milliseconds: the longer, the more entries exist, so that a program
 * which writes single bytes for two hours makes tens of thousands of entries, not millions.
 */
const MIN_GATHER_MS = 4;
const MAX_GATHER_MS = 100;
const ENTRIES_PER_MS = 100;

/**
 * Output that Redis has not got after this time is left out, milliseconds: followers get it from the result.
 */
const LAST_WORDS_MS = 5_000;

/** Creates the streams of a node's live runs. */
export class LiveRuns {
  constructor(private readonly options: LiveRunsOptions) {}

  /** @param interrupt sends SIGINT to the program */
  begin(id: string, fence: Fence, interrupt: () => void): LiveRun {
    return new LiveRun(this.options, id, fence, interrupt);
  }
}

/**
 * The standard streams of one attempt, between the guest's thread and Redis. The guest never waits for Redis
 * to take its output: the run's output limit bounds the backlog. An outage of Redis delays output but loses
 * none.
 */
export class LiveRun implements LiveStreams {
  private readonly backlog = new OutputBacklog();
  /** Bytes of output that Redis has. */
  private written = 0;
  private entries = 0;
  private flushing: Promise<void> | null = null;
  private gathering: NodeJS.Timeout | null = null;

  /** Whether the guest waits for input. */
  private question: ((data: Uint8Array | null) => void) | null = null;
  private readonly pieces: Buffer[] = [];
  /** Bytes of input that the guest has got. */
  private position = 0;
  private interrupts: Promise<number | null>;
  /** Reads available input. */
  private readonly looks: Pump;
  private readonly unfollow: () => void;
  /** When a feeder was last known to be connected. */
  private fedAt = performance.now();

  /** The guest has ended. */
  private ending = false;
  private closed = false;
  /** This attempt is no longer the current one: nothing that we do counts. */
  private stale = false;

  constructor(
    private readonly options: LiveRunsOptions,
    private readonly id: string,
    private readonly fence: Fence,
    private readonly interrupt: () => void,
  ) {
    // Not awaited: commands keep their order, and entries name their attempt too.
    this.interrupts = options.store.begin(id, fence).catch(() => null);
    this.looks = new Pump({
      pass: () => this.look(),
      onFailure: (error) => {
        this.failed(error, 'could not read live input; retrying');
        setTimeout(() => this.looks.wake(), RETRY_MS);
      },
      mayRun: () => !this.stale,
    });
    this.looks.tickEvery(Math.min(LOOK_INTERVAL_MS, this.orphanMs / 2));
    this.unfollow = options.hints.follow(liveInputKey(id), () => this.looks.wake());
  }

  onOutput(stream: LiveStream, data: Uint8Array): void {
    this.backlog.add(stream, data);
    this.gather();
  }

  /** Replaces a read that is still open: the guest was interrupted and asks again. */
  onInput(): Promise<Uint8Array | null> {
    const isNew = this.question === null;
    return new Promise((resolve) => {
      this.question = resolve;
      if (!isNew || this.answer()) return;
      this.fedAt = performance.now();
      this.looks.wake();
    });
  }

  /** The guest has ended: sends its last output. */
  async end(): Promise<void> {
    this.ending = true;
    if (this.gathering !== null) clearTimeout(this.gathering);
    // The send in progress may have started before the last output arrived.
    const flushed = (this.flushing ?? Promise.resolve()).then(() => this.flush());
    await withDeadline(flushed, LAST_WORDS_MS, () => undefined);
    this.closed = true;
    void this.looks.close();
    this.unfollow();
    this.question = null;
  }

  private get orphanMs(): number {
    return this.options.orphanMs ?? DEFAULT_ORPHAN_MS;
  }

  private gather(): void {
    if (this.gathering !== null || this.flushing !== null || this.ending) return;
    const wait = Math.min(MAX_GATHER_MS, MIN_GATHER_MS + this.entries / ENTRIES_PER_MS);
    this.gathering = setTimeout(
      () => {
        this.gathering = null;
        void this.flush();
      },
      this.backlog.bytes >= LIVE_BOUNDS.chunk ? 0 : wait,
    );
  }

  /** Sends one entry at a time: the next once Redis has the one before. */
  private flush(): Promise<void> {
    this.flushing ??= this.sendAll().finally(() => {
      this.flushing = null;
      if (this.backlog.bytes > 0) this.gather();
    });
    return this.flushing;
  }

  private async sendAll(): Promise<void> {
    do {
      const pieces = this.backlog.take(LIVE_BOUNDS.chunk);
      const bytes = pieces.reduce((sum, { data }) => sum + data.length, 0);
      if (bytes === 0) return;
      await this.send(pieces, this.written + bytes);
      this.written += bytes;
      this.entries += 1;
    } while (this.ending || this.backlog.bytes >= LIVE_BOUNDS.chunk);
  }

  /** Retries the same pieces until Redis has them; Redis ignores a repeated entry. */
  private async send(pieces: readonly LivePiece[], end: number): Promise<void> {
    while (!this.closed && !this.stale) {
      try {
        if (!(await this.options.store.append(this.id, this.fence, end, pieces))) this.stale = true;
        return;
      } catch (error) {
        this.failed(error, 'could not store live output; retrying');
        await sleep(RETRY_MS);
      }
    }
  }

  /** Reads available input; called on every hint and periodically. */
  private async look(): Promise<void> {
    const { store } = this.options;
    const wanted = this.question !== null;
    const most = wanted && this.pieces.length === 0 ? TAKE_AT_ONCE : 0;
    const view = await store.take(this.id, this.fence, this.position, wanted, most);
    if (view === null) {
      this.stale = true;
      this.giveUp();
      return;
    }
    await this.heedInterrupts(view.interrupts);
    if (most === 0) return;
    this.pieces.push(...view.pieces);
    if (this.answer()) return;
    if (view.ended) this.giveUp();
    else if (await this.isOrphaned(view)) this.looks.wake();
  }

  private async heedInterrupts(count: number): Promise<void> {
    const before = await this.interrupts;
    this.interrupts = Promise.resolve(count);
    if (before !== null && count > before && !this.closed) this.interrupt();
  }

  /** Answers a waiting guest, if input is available. */
  private answer(): boolean {
    const piece = this.question === null ? undefined : this.pieces.shift();
    if (piece === undefined) return false;
    this.position += piece.length;
    this.question?.(piece);
    this.question = null;
    return true;
  }

  private giveUp(): void {
    this.question?.(null);
    this.question = null;
  }

  /** Ends the input when the guest has waited too long without a connected feeder. */
  private async isOrphaned(view: InputView): Promise<boolean> {
    const now = performance.now();
    if (view.hasFeeder) this.fedAt = now;
    if (now - this.fedAt < this.orphanMs) return false;
    return this.options.store.orphan(this.id, this.position);
  }

  private failed(error: unknown, what: string): void {
    this.options.log.debug({ runId: this.id, reason: messageOf(error) }, what);
  }
}
