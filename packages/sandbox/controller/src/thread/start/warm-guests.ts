import type { KeeperClient, StartedGuest } from '@sandpiper/guest';
import { type Interpreter, isSameRuntime, type StockInterpreter } from '../../crossing/engines.js';
import { type ForkedGuest, ForkServer } from './fork-server.js';
import type { GuestJob } from '../../crossing/job.js';
import { WaitingStart } from './waiting-start.js';

/** A guest that was ready before its run: forked, or waiting. */
export interface WarmGuest {
  readonly guest: StartedGuest;
  /** Null for a waiting guest. */
  readonly forked: ForkedGuest | null;
  readonly unanswered: readonly string[];
}

/**
 * What a cell keeps ready for its next run: a child of a parked parent, or a translated interpreter that was
 * just started. One of them, as a keeper has one guest at a time: the kind that was used last.
 */
export class WarmGuests {
  #forkServer: ForkServer;
  readonly #waiting: WaitingStart;
  #wanted: Interpreter;

  constructor(
    private readonly keeper: KeeperClient,
    first: StockInterpreter,
    private readonly profile: readonly string[],
    private readonly cpu: number | null,
  ) {
    this.#wanted = first;
    this.#forkServer = new ForkServer(keeper, first, profile, cpu);
    this.#waiting = new WaitingStart(keeper, cpu);
  }

  /** Whether {@link prepare} has something to do. */
  get wanting(): boolean {
    return this.#wanted.engine === 'rpython' ? !this.#waiting.isThere : this.#forkServer.wanting;
  }

  /** Returns null, or the problem: see {@link ForkServer.prepare}. */
  prepare(): string | null {
    if (this.#wanted.engine === 'seccomp') return this.#forkServer.prepare();
    try {
      this.#waiting.prepare(this.#wanted);
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Null when there is none for this job; then the keeper has no guest, and one can be started. */
  take(job: GuestJob): WarmGuest | null {
    const { interpreter } = job;
    this.#wanted = interpreter;
    const started = this.#waiting.take(job);
    if (started !== null) return { ...started, forked: null };
    const forked = this.#forkServer.fork(job);
    // The next parent takes the place of this one in the keeper.
    if (interpreter.engine === 'seccomp' && !isSameRuntime(interpreter, this.#forkServer.interpreter))
      this.#forkServer = new ForkServer(this.keeper, interpreter, this.profile, this.cpu);
    return forked === null ? null : { guest: forked.guest, forked, unanswered: [] };
  }
}
