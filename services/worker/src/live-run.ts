import { LIVE_BOUNDS } from '@sandpiper/contracts';
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
import { OutputBacklog } from './output-backlog.js';

export interface LiveRunsOptions {
  readonly store: LiveStore;
  readonly hints: LiveHints;
  readonly log: Logger;
  /**
   * How long a program waits for input while nobody is there who could give it some; then its input ends.
   * Milliseconds.
   */
  readonly orphanMs?: number;
}

const DEFAULT_ORPHAN_MS = 60_000;

/** Pieces of input that are read at once. */
const TAKE_AT_ONCE = 4;

/** A hint that was lost costs so much time, milliseconds. */
const LOOK_INTERVAL_MS = 5_000;

/** After a command that failed, milliseconds. */
const RETRY_MS = 500;

/**
 * Small writes are gathered for a while, milliseconds: longer, the more entries there are already, so that a
 * program which writes a byte at a time for two hours makes some ten thousands of them and not millions.
 */
const MIN_GATHER_MS = 4;
const MAX_GATHER_MS = 100;
const ENTRIES_PER_MS = 100;

/** What is not with Redis after this time is left out, milliseconds: followers get it from the result. */
const LAST_WORDS_MS = 5_000;

/** Makes the streams of the live runs of a node. */
export class LiveRuns {
  constructor(private readonly options: LiveRunsOptions) {}

  /** @param interrupt sends the program SIGINT */
  begin(id: string, fence: Fence, interrupt: () => void): LiveRun {
    return new LiveRun(this.options, id, fence, interrupt);
  }
}

/**
 * The standard streams of one attempt, between the guest's thread and Redis. The guest never waits for Redis
 * to take its output: what is on its way is bounded by the run's limit of output. A Redis that is away
 * delays, and loses nothing.
 */
export class LiveRun implements LiveStreams {
  private readonly backlog = new OutputBacklog();
  /** Bytes of output that Redis has. */
  private written = 0;
  private entries = 0;
  private flushing: Promise<void> | null = null;
  private gathering: NodeJS.Timeout | null = null;

  /** The guest waits for input. */
  private question: ((data: Uint8Array | null) => void) | null = null;
  private readonly pieces: Buffer[] = [];
  /** Bytes of input that the guest has. */
  private position = 0;
  private interrupts: Promise<number | null>;
  private looking = false;
  private lookAgain = false;
  private readonly timer: NodeJS.Timeout;
  private readonly unfollow: () => void;
  /** When somebody who can feed the run was last known to be there. */
  private fedAt = performance.now();

  /** The guest has ended. */
  private ending = false;
  private closed = false;
  /** Another attempt runs, or none: whatever we do counts no more. */
  private stale = false;

  constructor(
    private readonly options: LiveRunsOptions,
    private readonly id: string,
    private readonly fence: Fence,
    private readonly interrupt: () => void,
  ) {
    // Not waited for: commands keep their order, and an attempt can be told by its entries too.
    this.interrupts = options.store.begin(id, fence).catch(() => null);
    const interval = Math.min(LOOK_INTERVAL_MS, this.orphanMs / 2);
    this.timer = setInterval(() => this.look(), interval);
    this.unfollow = options.hints.follow(liveInputKey(id), () => this.look());
  }

  onOutput(stream: LiveStream, data: Uint8Array): void {
    this.backlog.add(stream, data);
    this.gather();
  }

  /** A question that is still open is given up for this one: the guest was interrupted, and asks again. */
  onInput(): Promise<Uint8Array | null> {
    const isNew = this.question === null;
    return new Promise((resolve) => {
      this.question = resolve;
      if (!isNew || this.answer()) return;
      this.fedAt = performance.now();
      this.look();
    });
  }

  /** The guest has ended: its last words go out. */
  async end(): Promise<void> {
    this.ending = true;
    if (this.gathering !== null) clearTimeout(this.gathering);
    // What is being sent may have been taken before the last words came.
    const flushed = (this.flushing ?? Promise.resolve()).then(() => this.flush());
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, LAST_WORDS_MS);
      void flushed.then(() => {
        clearTimeout(late);
        resolve();
      });
    });
    this.closed = true;
    clearInterval(this.timer);
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

  /** One entry at a time: the next is sent when Redis has the one before. */
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

  /** The same pieces until Redis has taken them: what was taken and not answered is not taken twice. */
  private async send(pieces: readonly LivePiece[], end: number): Promise<void> {
    while (!this.closed && !this.stale) {
      try {
        if (!(await this.options.store.append(this.id, this.fence, end, pieces))) this.stale = true;
        return;
      } catch (error) {
        this.failed(error, 'output was not taken, and is sent again');
        await pause(RETRY_MS);
      }
    }
  }

  /** Reads what there is to read; called on every hint, and from time to time. */
  private look(): void {
    if (this.closed || this.stale) return;
    this.lookAgain = true;
    if (!this.looking) void this.lookOn();
  }

  private async lookOn(): Promise<void> {
    this.looking = true;
    try {
      while (this.lookAgain && !this.closed && !this.stale) {
        this.lookAgain = false;
        await this.lookOnce();
      }
    } catch (error) {
      this.failed(error, 'input was not read, and is read again');
      setTimeout(() => this.look(), RETRY_MS);
    } finally {
      this.looking = false;
    }
  }

  private async lookOnce(): Promise<void> {
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
    else if (await this.isOrphaned(view)) this.lookAgain = true;
  }

  private async heedInterrupts(count: number): Promise<void> {
    const before = await this.interrupts;
    this.interrupts = Promise.resolve(count);
    if (before !== null && count > before && !this.closed) this.interrupt();
  }

  /** Gives the guest what it waits for, if that is here. */
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

  /** Nobody has been there for long who could give the guest what it waits for: then its input ends. */
  private async isOrphaned(view: InputView): Promise<boolean> {
    const now = performance.now();
    if (view.hasFeeder) this.fedAt = now;
    if (now - this.fedAt < this.orphanMs) return false;
    return this.options.store.orphan(this.id, this.position);
  }

  private failed(error: unknown, what: string): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.options.log.debug({ runId: this.id, reason }, what);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
