import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { type AdmittedInteractor, type RunResult, withDeadline } from '@sandpiper/contracts';
import { type CgroupFolder, cgroupFolder, KeeperProcess } from '@sandpiper/guest';
import { Piscina } from 'piscina';
import { Conversing } from './conversing.js';
import { assertEnforceable, assertPairEnforceable } from './enforceable.js';
import { RunRefusedError } from '../../crossing/refused.js';
import type { TranslatedInterpreter } from '../../crossing/engines.js';
import { DEFAULT_RUNTIME, type Runtime } from '../../crossing/runtime.js';
import { type CellContext, type GuestJob, SHARED_CANCELLED, SHARED_PID } from '../../crossing/job.js';
import { LIVE_WORDS } from '../../crossing/live-port.js';
import { type LiveStreams, serveLiveStreams } from './live-relay.js';
import { HostShortOfMemoryError } from '../../crossing/host-memory.js';
import { type Interpreters, jobOfRequest, type RequestedRun } from './request-job.js';
import { largestMemoryLimit, memoryOfNode } from '../share/memory.js';
import type { ThreadAnswer } from '../../crossing/thread-answer.js';
import { resultOfStuck, UnreadReports, watch } from './watchdog.js';

export interface CellOptions {
  readonly id: number | null;
  /** The CPU that thread and guest are pinned to, or null for none. */
  readonly cpu: number | null;
  readonly node: string | null;
  /** The translated interpreter of this node, if it has one. */
  readonly rpython: TranslatedInterpreter | null;
  /** What requests may run by. The first is what the first parent runs, too; by default Debian's alone. */
  readonly runtimes?: readonly Runtime[];
  /** How many cells share the node's memory; by default one. */
  readonly cells?: number;
  /** The memory that the node plans with, bytes; by default all that its control groups allow. */
  readonly memoryBytes?: number | null;
  /** Where control groups are made, if not where this host delegates them. */
  readonly groups?: CgroupFolder;
  /**
   * The modules that the parent of the fork server imports; null or empty: no parent, every run starts cold.
   */
  readonly profile?: readonly string[] | null;
  /** Heap of the thread, MiB; by default {@link HEAP_MIB}. */
  readonly heapMiB?: number;
  /**
   * Called when some modules of the profile could not be imported, or there is no parent and runs start cold.
   */
  readonly onUnprepared?: (why: string) => void;
  /**
   * Called with a text for the log, of several lines, when the sandbox itself failed and a run ended
   * `internal-error`.
   */
  readonly onFault?: (runId: string, report: string) => void;
}

/**
 * How long a thread may take to load its modules, milliseconds; only bounds the wait of {@link Cell.close}.
 */
const LOADS_WITHIN_MS = 30_000;

/**
 * Heap of a thread, MiB: 256 for itself, three times the output of 64 MiB as strings of two bytes a
 * character, 1.5 KiB for each of 250 000 files. What lies outside the heap (contents of files, buffers) is
 * bounded by the limits of the run: `diskBytes`, `outputBytes`, and what the virtual kernel charges.
 */
const HEAP_MIB = 1024;

/** The cell can run nothing any more; retry its run, if it had one, elsewhere. */
export class CellDiedError extends Error {
  override readonly name = 'CellDiedError';
}

/**
 * One CPU: a thread for the controller, a keeper, at most one running guest. Belongs to the main thread,
 * which alone can end a guest while the thread waits for it.
 */
export class Cell {
  readonly #shared = new Int32Array(new SharedArrayBuffer(12));
  #running: string | null = null;
  #closing = false;
  #died: Error | null = null;
  /** The cell of interactors, on the same CPU: made for the first run that has one, and kept. */
  #second: Promise<Cell> | null = null;
  /** The run with an interactor that is going on. */
  #conversation: Conversing | null = null;
  /** Rejects what the current run waits for. See {@link Cell.#unlessDead}. */
  #onDeath: ((why: Error) => void) | null = null;
  /**
   * The task given to the thread last. A pool does not order tasks that arrive while its thread starts, and a
   * run must find the parent that was requested before it.
   */
  #turn: Promise<unknown>;

  private constructor(
    private readonly options: CellOptions,
    private readonly keeper: KeeperProcess,
    private readonly pool: Piscina,
    /** Resolves when the thread has loaded its modules, or has ended. */
    private readonly loaded: Promise<void>,
    /** Resolves when the cell has ended: with null after `close()`, else with what killed it. */
    readonly closed: Promise<Error | null>,
  ) {
    this.#turn = loaded;
    void closed.then((why) => {
      this.#died = why ?? new CellDiedError('the cell was closed');
      this.#onDeath?.(this.#died);
    });
  }

  static async start(options: CellOptions): Promise<Cell> {
    const keeper = await KeeperProcess.start(options.groups);
    const pool = new Piscina({
      filename: fileURLToPath(new URL('../../thread/thread.js', import.meta.url)),
      // Started by the first task and never again: a pool that keeps a minimum replaces a thread that has died, and a cell
      // whose thread has died is at its end.
      minThreads: 0,
      maxThreads: 1,
      // Else a task that finds the thread busy is queued behind later ones.
      stricterFIFO: true,
      idleTimeout: Number.POSITIVE_INFINITY,
      // An idle thread in Atomics.wait would freeze its own event loop, and with it its orderly end.
      atomics: 'disabled',
      // A heap overflow ends this thread (ERR_WORKER_OUT_OF_MEMORY), not the process with every cell.
      resourceLimits: { maxOldGenerationSizeMb: options.heapMiB ?? HEAP_MIB },
    });
    const first = pool.run(null) as Promise<ThreadAnswer>;
    const threadEnded = endOfThread(pool);
    // A task whose thread ends before it has loaded would wait for ever.
    const loaded = Promise.race([first, threadEnded]).then(
      () => {},
      () => {},
    );
    const closed: Promise<Error | null> = Promise.race([keeper.ended, threadEnded]).then(
      (how): Error | null => (cell.#closing ? null : new CellDiedError(how)),
    );
    const cell = new Cell(options, keeper, pool, loaded, closed);
    if ((options.profile ?? null) !== null) cell.#prepare();
    return cell;
  }

  /** Runs a request. Rejects only for what is not the program's doing: the run may be retried elsewhere. */
  async run(run: RequestedRun, streams: LiveStreams | null = null): Promise<RunResult> {
    const { interactor } = run.request;
    if (interactor !== undefined) return this.#converse(run, interactor);
    return this.runJob(jobOfRequest(run, this.#interpreters, streams !== null), streams);
  }

  async #converse(run: RequestedRun, interactor: AdmittedInteractor): Promise<RunResult> {
    assertPairEnforceable(run.request, interactor, this.#largestMemoryLimit());
    const conversing = new Conversing(run, interactor, this.#interpreters);
    this.#conversation = conversing;
    try {
      const second = await this.#secondCell();
      // The time of a program counts while its interactor is not there yet.
      await this.#unlessDead(this.#turn);
      await second.#unlessDead(second.#turn);
      return await conversing.run(this, second);
    } finally {
      this.#conversation = null;
    }
  }

  /** A second cell that has died is replaced. */
  async #secondCell(): Promise<Cell> {
    const earlier = (await this.#second?.catch(() => null)) ?? null;
    if (earlier !== null && earlier.#died === null) return earlier;
    this.#second = Cell.start(this.options);
    return this.#second;
  }

  /** Like {@link run}, for a job that the caller put together. */
  async runJob(job: GuestJob, streams: LiveStreams | null = null): Promise<RunResult> {
    if (this.#died !== null) throw this.#died;
    if (this.#running !== null) throw new Error(`the cell already runs ${this.#running}`);
    assertEnforceable(job, this.options.groups ?? cgroupFolder(), this.#largestMemoryLimit());
    this.#running = job.id;
    Atomics.store(this.#shared, SHARED_CANCELLED, 0);
    Atomics.store(this.#shared, SHARED_PID, 0);
    const channel = streams === null ? null : new MessageChannel();
    const live =
      channel === null
        ? null
        : { port: channel.port2, words: new Int32Array(new SharedArrayBuffer(4 * LIVE_WORDS)) };
    const served =
      channel !== null && live !== null && streams !== null
        ? serveLiveStreams(channel.port1, live.words, streams)
        : null;
    const context = this.#context(live);
    const startedAt = new Date();
    const stuck: { end: Promise<RunResult> | null } = { end: null };
    const endWatch = watch(this.#shared, () => {
      stuck.end = this.#endStuck(job, context, startedAt);
    });
    try {
      await this.#unlessDead(this.#turn);
      const transferList = live === null ? [] : [live.port];
      const running = this.pool.run({ job, context }, { transferList }) as Promise<ThreadAnswer>;
      const answer = await this.#unlessDead(running);
      if ('shortOfMemory' in answer) throw new HostShortOfMemoryError();
      if ('refused' in answer) throw new RunRefusedError(answer.refused);
      if (!('result' in answer)) throw new Error('unexpected answer from the cell thread');
      if (answer.fault !== null) this.options.onFault?.(job.id, answer.fault);
      if (answer.wantsPreparing) this.#prepare();
      return answer.result;
    } catch (error) {
      if (stuck.end !== null) return await stuck.end;
      throw error;
    } finally {
      endWatch();
      this.#running = null;
      // The result takes another way than the output, and may overtake it.
      served?.takeRest();
      channel?.port1.close();
    }
  }

  /**
   * Settles like `answer`, but rejects when the cell dies first. Not Promise.race with a promise that lives
   * as long as the cell: each race would leave a reaction there, which keeps its run's result until the cell
   * is closed.
   */
  async #unlessDead<T>(work: Promise<T>): Promise<T> {
    if (this.#died !== null) throw this.#died;
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#onDeath = reject;
        work.then(resolve, reject);
      });
    } finally {
      this.#onDeath = null;
    }
  }

  /**
   * The guest is dead but its thread is stuck: ends the thread, and with it the cell, but gives the run its
   * result.
   */
  async #endStuck(job: GuestJob, context: CellContext, startedAt: Date): Promise<RunResult> {
    const reports = new UnreadReports(this.keeper.directory);
    // It runs a job, so it has loaded its modules.
    await Promise.all(this.pool.threads.map((thread) => thread.terminate()));
    const cancelled = Atomics.load(this.#shared, SHARED_CANCELLED) !== 0;
    return resultOfStuck(job, context, cancelled, reports.takeEnd(), startedAt);
  }

  get #interpreters(): Interpreters {
    const { rpython, runtimes = [DEFAULT_RUNTIME] } = this.options;
    return { rpython, runtimes };
  }

  #largestMemoryLimit(): number {
    return largestMemoryLimit(memoryOfNode(this.options.memoryBytes ?? null), this.options.cells ?? 1);
  }

  /** Prepares a parent, or a guest for the next run; a run that comes earlier waits for it. */
  #prepare(): void {
    const preparing = this.#turn.then(
      () => this.pool.run({ job: null, context: this.#context(null) }) as Promise<ThreadAnswer>,
    );
    this.#turn = preparing.then(
      (answer) => {
        // A failure because the cell ends is not the profile's fault.
        if (this.#closing || this.#died !== null) return;
        if ('prepared' in answer && answer.prepared !== null) this.options.onUnprepared?.(answer.prepared);
      },
      () => {}, // the thread is gone, and the cell with it
    );
  }

  #context(live: CellContext['live']): CellContext {
    return {
      keeperDirectory: this.keeper.directory,
      cpu: this.options.cpu,
      node: this.options.node,
      cell: this.options.id,
      cells: this.options.cells ?? 1,
      largestMemoryBytes: this.#largestMemoryLimit(),
      shared: this.#shared,
      profile: this.options.profile ?? null,
      runtime: this.#interpreters.runtimes[0] ?? DEFAULT_RUNTIME,
      live,
    };
  }

  /** Sends SIGINT to the guest of that run, as a terminal's Ctrl-C would. */
  interrupt(runId: string): void {
    if (this.#running !== runId) return;
    const pid = Atomics.load(this.#shared, SHARED_PID);
    if (pid !== 0) this.keeper.interruptGuest(pid);
  }

  /** Ends that run as `cancelled`, if it is running here. */
  cancel(runId: string): void {
    if (this.#conversation === null) this.endGuest(runId);
    else this.#conversation.cancel(runId);
  }

  /** As {@link cancel}, for the guest of this cell alone. */
  endGuest(runId: string): void {
    if (this.#running !== runId) return;
    Atomics.store(this.#shared, SHARED_CANCELLED, 1);
    // A guest that is just being started is killed by its thread, which checks the word afterwards.
    const pid = Atomics.load(this.#shared, SHARED_PID);
    if (pid !== 0) this.keeper.killGuest(pid);
  }

  /** Kills the running guest; when this resolves, thread, keeper and guest are gone. */
  async close(): Promise<void> {
    this.#closing = true;
    const second = await this.#second?.catch(() => null);
    await Promise.all([second?.close(), this.keeper.close()]);
    // Node 20 kills the whole process when a thread is terminated while it loads an ES module
    // ("IsGraphAsync must be used on an instantiated module").
    await withDeadline(this.loaded, LOADS_WITHIN_MS, () => undefined);
    await this.pool.destroy();
  }
}

/**
 * Resolves when the pool's one thread has ended, with a one-line reason. Its descriptors to the keeper are
 * lost with it, so the cell is too.
 */
function endOfThread(pool: Piscina): Promise<string> {
  return new Promise((resolve) => {
    const [thread] = pool.threads;
    thread?.once('error', (error: Error) => resolve(`the thread failed: ${error.message}`));
    thread?.once('exit', (code) => resolve(`the thread ended: exit code ${code}`));
    // For a thread that fails while idle: without a listener, the error would end this process.
    pool.on('error', () => {});
  });
}
