import type { ByteEncoder, RunResult } from '@sandpiper/contracts';
import type { GuestEnd, GuestFigures, KeeperClient, StartedGuest } from '@sandpiper/guest';
import type { CallOutcome } from '@sandpiper/kernel';
import {
  type Channel,
  GuestGoneError,
  GuestProtocolError,
  type Request,
  type Signature,
} from '@sandpiper/protocol';
import type { EngineTraits } from '../crossing/engines.js';
import { type CellContext, type GuestJob, SHARED_CANCELLED } from '../crossing/job.js';
import type { Decisions } from '../crossing/status.js';
import { ControllerTime, ControllerTimeError } from './controller-time.js';
import { JobKernel } from './job-kernel.js';
import { OperationFault } from './operation-fault.js';
import { hostPressure } from './pressure.js';
import { resultOf } from './result.js';
import { assertSound } from './sound-job.js';
import { changesStart, hasEarlyVariable } from './start/environment.js';
import { type ForkedGuest, sendOrder } from './start/fork-server.js';
import { greet } from './start/handshake.js';
import type { WarmGuest } from './start/warm-guests.js';

/** Interval between checks that the guest of a long call is still alive, milliseconds. */
const LOOK_MS = 10;

/** One run from its first call to its result: answers the guest, and decides what ends it. */
export class Session {
  readonly kernel: JobKernel;
  readonly #decisions: Decisions = {
    cancelled: false,
    violation: null,
    fault: null,
    limit: null,
    refusedGrowth: 0,
    stackOverflow: false,
    ownSignal: null,
    exitCode: null,
    diskFull: false,
    programBegan: false,
  };
  readonly #forked: ForkedGuest | null;
  /** The guest is locked down and its interpreter starts. */
  #greeted = false;
  #figures: GuestFigures | null = null;
  #marked = false;
  /** The guest knows what it may do without an answer. */
  #permitted = false;
  /** When the program began, as `performance.now()`. */
  #beganAt: number | null = null;
  #fault: OperationFault | null = null;
  /** The guest has ended and its files are being collected. */
  #ended = false;
  #nextLookMs = 0;
  readonly #pressureBefore = hostPressure();
  readonly #time: ControllerTime;

  constructor(
    private readonly job: GuestJob,
    private readonly context: CellContext,
    private readonly keeper: KeeperClient,
    private readonly traits: EngineTraits,
    /** Null where the guest is started for this run. */
    private readonly warm: WarmGuest | null,
  ) {
    assertSound(job);
    this.#forked = warm?.forked ?? null;
    this.#time = new ControllerTime(job.limits.controllerCpuMs);
    this.kernel = new JobKernel(job, context, keeper, traits, this.#forked, {
      mustStop: () => this.#mustStop(),
      look: () => this.#look(),
      onOwnFound: () => this.#beginOnce(),
      onGrowthRefused: (bytes) => this.#noteRefusedGrowth(bytes),
      guestCpuNs: () => this.#figures?.cpuNs ?? 0n,
      guestMemoryKib: () => this.#figures?.memoryKib ?? new Map(),
    });
  }

  /** Answers calls until the guest has ended or must. */
  serve(channel: Channel, guest: StartedGuest): void {
    channel.whileServing = () => this.#time.check();
    try {
      if (!(this.#forked === null ? this.#greet(channel) : this.#order(this.#forked))) return;
      for (;;) {
        const request = channel.nextRequest();
        if (request === null) return;
        const { signature } = request;
        if (this.traits.dialect === 'linux' && this.#isNote(signature.text, request.args)) {
          channel.returnInt(0);
          continue;
        }
        if (this.#endsByShortCuts(request, guest)) return;
        const outcome = this.kernel.call(this.traits.keyOf(signature), request.args, channel);
        if (this.#endsBy(outcome)) return;
        if (this.traits.dialect === 'linux') this.#answerLinux(channel, request, outcome);
        else answerLibc(channel, signature, outcome);
      }
    } catch (error) {
      this.#noteEnd(error);
    }
  }

  #noteEnd(error: unknown): void {
    if (error instanceof GuestProtocolError) this.#decisions.violation = brokenProtocol(error.message);
    else if (error instanceof ControllerTimeError) this.#decisions.limit = 'controllerCpuMs';
    else if (error instanceof OperationFault) this.#failed(error);
    else if (!(error instanceof GuestGoneError)) throw error;
  }

  /** The start of the interpreter is charged to the cell, unless variables of the run change it. */
  #greet(channel: Channel): boolean {
    this.#time.beginStart();
    return greet(channel, () => {
      this.#greeted = true;
      if (changesStart(this.job.env)) this.#begin();
    });
  }

  /** A forked guest begins its program with the order, which holds the text of the program. */
  #order(forked: ForkedGuest): boolean {
    this.#begin();
    return sendOrder(forked);
  }

  /** What the shim tells of its own accord; a translated guest has no shim that could. */
  #isNote(signature: string, args: readonly number[]): boolean {
    if (signature === 'sandpiper_nomem(ii)i') this.#noteRefusedGrowth(args[1] ?? 0);
    else if (signature === 'sandpiper_overflow()i') this.#decisions.stackOverflow = true;
    else return false;
    return true;
  }

  /** The program may go on without the memory. @param size as a signed integer of 64 bits */
  #noteRefusedGrowth(size: number): void {
    const bytes = size < 0 ? Number.MAX_SAFE_INTEGER : Math.min(size, Number.MAX_SAFE_INTEGER);
    this.#decisions.refusedGrowth = Math.max(this.#decisions.refusedGrowth, bytes);
  }

  #failed(fault: OperationFault): void {
    this.#fault = fault;
    this.#decisions.fault = fault.message;
  }

  /** For the log, where the sandbox itself has failed. */
  get faultReport(): string | null {
    return this.#fault?.report ?? null;
  }

  /**
   * Called within a long call: throws when the run is over. A guest that was killed at a limit or cancelled sends
   * nothing that would say so.
   */
  #look(): void {
    this.#time.check();
    if (this.#ended) return;
    if (this.#isCancelled()) throw new GuestGoneError();
    const nowMs = performance.now();
    if (nowMs < this.#nextLookMs) return;
    this.#nextLookMs = nowMs + LOOK_MS;
    if (this.#figures?.hasEnded === true) throw new GuestGoneError();
  }

  #collect(encoder: ByteEncoder): ReturnType<JobKernel['takeFiles']> {
    try {
      return this.kernel.takeFiles(encoder);
    } catch (error) {
      if (error instanceof ControllerTimeError) this.#decisions.limit = 'controllerCpuMs';
      else if (error instanceof OperationFault) this.#failed(error);
      else throw error;
      return {};
    }
  }

  /** The guest has called exit and waits. */
  get askedToEnd(): boolean {
    return this.#decisions.exitCode !== null;
  }

  /**
   * Called once, when the guest has ended.
   * @param takenAt when the cell took the run, as `performance.now()`
   * @throws HostShortOfMemoryError when the kernel killed the guest because other processes had taken the memory
   */
  result(end: GuestEnd, startedAt: Date, takenAt: number, controllerCpuMs: number): RunResult {
    const controllerWaitMs = this.#beganAt === null ? null : this.#time.waitedMs();
    const { job, context, kernel } = this;
    const decisions = this.#decisions;
    decisions.cancelled = this.#isCancelled();
    decisions.diskFull = kernel.diskLimitHit;
    // A variable that keeps the interpreter from starting is the run's doing too.
    decisions.programBegan = this.#marked || (this.#greeted && hasEarlyVariable(job.env));
    this.#ended = true;
    const start = this.warm === null ? 'cold' : this.#forked === null ? 'waiting' : 'forked';
    const startupMs = this.#beganAt === null ? null : this.#beganAt - takenAt;
    const pressureBefore = this.#pressureBefore;
    const controller = { controllerCpuMs, controllerWaitMs };
    return resultOf(
      { job, context, kernel, decisions, end, start, startedAt, startupMs, ...controller, pressureBefore },
      (encoder) => this.#collect(encoder),
    );
  }

  /** What the guest has done without an answer since its last request. */
  #endsByShortCuts({ lateBytes, ahead, stats }: Request, guest: StartedGuest): boolean {
    if (stats > 0 && this.#endsBy(this.kernel.takeStats(stats))) return true;
    if (ahead.calls > 0 && this.#endsBy(this.kernel.takeAhead(ahead.bytes, ahead.calls))) return true;
    if (lateBytes === 0) return false;
    const frames = guest.readLate(lateBytes);
    if (frames === null) throw new GuestProtocolError('bad-length', 'late output that is not there');
    return this.#endsBy(this.kernel.takeLate(frames));
  }

  /**
   * What the guest left in its second pipe when it ended: errors of a translated one, late output of a stock one.
   */
  takeRest(bytes: Buffer): void {
    if (this.traits.kind === 'translated') {
      this.kernel.takeErrors(bytes);
      return;
    }
    if (bytes.length === 0 || this.#decisions.violation !== null) return;
    this.#ended = true;
    try {
      this.#endsBy(this.kernel.takeLate(bytes));
    } catch (error) {
      this.#noteEnd(error);
    }
  }

  #answerLinux(channel: Channel, { signature, args }: Request, outcome: CallOutcome): void {
    const { name } = signature;
    const offer = this.kernel.offer(name, args, outcome);
    const late = offer?.late ?? null;
    if (late !== null || !this.#permitted || SETS_TIMER.has(name))
      channel.permit(this.kernel.permission(late));
    this.#permitted = true;
    const ahead = offer?.ahead ?? null;
    if (ahead !== null) channel.sendAhead(ahead.fd, ahead.data);
    const stats = offer?.stats ?? null;
    if (stats !== null) channel.sendStats(stats.calls, stats.data);
    if (outcome.kind === 'return') channel.returnInt(outcome.value);
    else if (outcome.kind === 'error') channel.returnInt(-outcome.errno);
  }

  #endsBy(outcome: CallOutcome): boolean {
    if (outcome.kind === 'exit') this.#decisions.exitCode = outcome.code;
    else if (outcome.kind === 'signal') this.#decisions.ownSignal = outcome.signal;
    else if (outcome.kind === 'limit') this.#decisions.limit = outcome.limit;
    else if (outcome.kind === 'violation') this.#decisions.violation = brokenProtocol(outcome.why);
    else return false;
    return true;
  }

  #beginOnce(): void {
    if (!this.#marked) this.#begin();
  }

  #begin(): void {
    this.#marked = this.keeper.mark(this.job.limits);
    this.#beganAt = performance.now();
    this.#time.begin();
    // A program never begins without its limits: the guest is dead already, or the error ends it.
    if (!this.#marked) throw new GuestGoneError();
  }

  /** Sets where to read what the host's kernel says of the guest; null when it has ended. */
  watch(figures: GuestFigures | null): void {
    this.#figures = figures;
  }

  /**
   * A wait inside the virtual kernel ends when the run is cancelled, when the keeper has killed the guest, or when a
   * signal is pending: Python calls its handler as soon as the call returns.
   */
  #mustStop(): boolean {
    return this.#isCancelled() || this.#figures?.goesOn !== true;
  }

  #isCancelled(): boolean {
    return Atomics.load(this.context.shared, SHARED_CANCELLED) !== 0;
  }
}

/** Calls that change what may have to wait. */
const SETS_TIMER: ReadonlySet<string> = new Set(['alarm', 'setitimer']);

const brokenProtocol = (how: string): string => `the guest broke the protocol: ${how}`;

function answerLibc(channel: Channel, signature: Signature, outcome: CallOutcome): void {
  const errno = outcome.kind === 'return' || outcome.kind === 'error' ? outcome.errno : null;
  const value = outcome.kind === 'return' ? outcome.value : null;
  if (errno !== null) channel.setErrno(errno);
  if (signature.result === 'v') channel.returnVoid();
  else if (signature.result === 'p') channel.returnPointer(value ?? 0);
  else if (signature.result === 'f') channel.returnDouble(value ?? -1);
  else channel.returnInt(value ?? -1);
}
