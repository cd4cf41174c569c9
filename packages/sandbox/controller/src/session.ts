import { closeSync, openSync, writeSync } from 'node:fs';
import { posix } from 'node:path';
import { randomBytes } from 'node:crypto';
import { ByteEncoder, fieldsOf, oneLine, type RunResult } from '@sandpiper/contracts';
import type { GuestEnd, GuestFigures, KeeperClient } from '@sandpiper/guest';
import {
  GuestKernel,
  type GuestMemory,
  HostClock,
  type InputStream,
  type Outcome,
  type OutputStream,
  VirtualClock,
} from '@sandpiper/kernel';
import { type Channel, GuestGoneError, GuestProtocolError, type Signature } from '@sandpiper/protocol';
import { ControllerTime, ControllerTimeError } from './controller-time.js';
import { assertSound } from './demand-job.js';
import { hashSeedOf, SeededBytes } from './determinism.js';
import type { Engine } from './engines.js';
import { changesStart, environmentOf, hasEarlyVariable } from './environment.js';
import { type ForkedGuest, sendOrder } from './fork-server.js';
import { greet } from './handshake.js';
import { argvOf, type CellPlace, type GuestJob, SHARED_CANCELLED } from './job.js';
import { answering, OperationFault } from './operation-fault.js';
import { collectOutputs } from './outputs.js';
import { isOwnFault } from './host-memory.js';
import { hostPressure, unreliability, wasShortOfMemory } from './pressure.js';
import { type Decisions, decideEnding } from './status.js';
import { CapturedLiveOutput, LiveInput, LiveOutput, type LivePort } from './live.js';
import type { WarmGuest } from './warm-guests.js';
import { BufferInput, CaptureOutput, DescriptorInput, DescriptorOutput } from './streams.js';
import { RecordingMemory, Transcript } from './transcript.js';

/**
 * How much of a translated guest's own descriptor 2 is kept: half of what the pipe holds (pipe(7)). A pipe
 * that was ever full, and lost something, still holds more than this, whatever the sizes of the writes were.
 */
const MAX_ERROR_BYTES = 32 * 1024;

/** Between two checks of whether the guest of a long call still lives, milliseconds. */
const LOOK_MS = 10;

/** One run as its guest sees it: the virtual kernel, the streams, and what is decided on the way. */
export class Session {
  readonly #kernel: GuestKernel;
  readonly #decisions: Decisions = {
    cancelled: false,
    violation: null,
    fault: null,
    limit: null,
    memoryRefused: false,
    ownSignal: null,
    exitCode: null,
    diskFull: false,
    programBegan: false,
  };
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #stdin: InputStream;
  readonly #trace: number | null;
  readonly #transcript: Transcript | null;
  /** The variables that the guest's program sees. */
  readonly env: Readonly<Record<string, string>>;
  readonly #forked: ForkedGuest | null;
  /** The guest is locked down, and its interpreter begins. */
  #greeted = false;
  #figures: GuestFigures | null = null;
  #marked = false;
  /** When the program began, as `performance.now()`. */
  #beganAt: number | null = null;
  #errorsCut = false;
  #fault: OperationFault | null = null;
  /** The guest has ended, and its remains are being read. */
  #ended = false;
  #nextLookMs = 0;
  readonly #pressureBefore = hostPressure();
  readonly #time: ControllerTime;

  constructor(
    private readonly job: GuestJob,
    private readonly place: CellPlace,
    private readonly keeper: KeeperClient,
    private readonly engine: Engine,
    /** Null where the guest is started for this run. */
    private readonly warm: WarmGuest | null,
  ) {
    assertSound(job);
    this.#forked = warm?.forked ?? null;
    this.#time = new ControllerTime(job.limits.controllerCpuMs);
    this.#stdout = this.#output('stdout', 1);
    this.#stderr = this.#output('stderr', 2);
    this.#stdin = this.#input();
    this.#trace = job.tracePath === null ? null : openSync(job.tracePath, 'w');
    this.env = variablesOf(job);
    const { deterministic } = job;
    const seeded = deterministic === null ? null : new SeededBytes(deterministic.seed);
    this.#transcript =
      job.deterministic === null ? null : new Transcript(job.deterministic.transcriptPath, job, engine);
    const trace = this.#trace;
    this.#kernel = new GuestKernel(engine.surface, {
      limits: job.limits,
      stdin: { read: (max) => this.#read(max) },
      stdout: this.#stdout,
      stderr: this.#stderr,
      cwd: job.folder,
      files: job.files,
      hostMounts: [...engine.mounts, ...job.mounts],
      argv: [engine.argv0, ...argvOf(job)],
      executable: engine.virtualExecutable,
      env: this.env,
      clock:
        deterministic === null
          ? new HostClock()
          : new VirtualClock(BigInt(deterministic.epochMs) * 1_000_000n),
      randomBytes: seeded === null ? randomBytes : (count) => seeded.take(count),
      ...(deterministic === null
        ? {
            cpuNs: () => this.#guestCpuNs(),
            setAlarm: (first, interval) => keeper.timer(Number(first), Number(interval)),
          }
        : {}),
      ...(this.#forked === null ? {} : { inheritance: this.#forked.inheritance }),
      shouldStop: () => this.#mustStop(),
      look: () => this.#look(),
      ownPaths: ownPathsOf(job),
      onOwnFound: () => this.#beginOnce(),
      ...(trace === null ? {} : { trace: (line: string) => void writeSync(trace, `${line}\n`) }),
    });
  }

  /** Answers calls until the guest has ended or must end. */
  serve(channel: Channel): void {
    channel.whileServing = () => this.#time.check();
    try {
      if (!(this.#forked === null ? this.#greet(channel) : this.#order(this.#forked))) return;
      for (;;) {
        const request = channel.nextRequest();
        if (request === null) return;
        const { signature } = request;
        // Only the shim sends this, and it is no party to the calls of a translated guest.
        if (signature.text === 'sandpiper_nomem(ii)i' && this.engine.dialect === 'linux') {
          this.#decisions.memoryRefused = true;
          return;
        }
        const outcome = this.#call(this.engine.keyOf(signature), request.args, channel);
        if (this.#endsBy(outcome)) return;
        if (this.engine.dialect === 'linux') answerLinux(channel, outcome);
        else answerLibc(channel, signature, outcome);
      }
    } catch (error) {
      if (error instanceof GuestProtocolError) this.#decisions.violation = brokenProtocol(error.message);
      else if (error instanceof ControllerTimeError) this.#decisions.limit = 'controllerCpuMs';
      else if (error instanceof OperationFault) this.#failed(error);
      else if (!(error instanceof GuestGoneError)) throw error;
    }
  }

  /** Usage of the interpreter's start is its own, except for what the run's variables add. */
  #greet(channel: Channel): boolean {
    this.#time.beginStart();
    return greet(channel, () => {
      this.#greeted = true;
      if (changesStart(this.job.env)) this.#begin();
    });
  }

  /** A child's program begins with its order, which holds the program's text. */
  #order(forked: ForkedGuest): boolean {
    this.#begin();
    return sendOrder(forked);
  }

  #call(key: string, args: readonly number[], memory: GuestMemory): Outcome {
    if (this.#transcript === null) return answering(key, () => this.#kernel.call(key, args, memory));
    const recording = new RecordingMemory(memory);
    const outcome = answering(key, () => this.#kernel.call(key, args, recording));
    this.#transcript.record(key, args, recording, outcome);
    return outcome;
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
   * Midway through a long call: whether the run continues. At its limits it is killed, and a cancelled run
   * sends no byte that would tell us.
   */
  #look(): void {
    this.#time.check();
    if (this.#ended) return;
    if (Atomics.load(this.place.shared, SHARED_CANCELLED) !== 0) throw new GuestGoneError();
    const nowMs = performance.now();
    if (nowMs < this.#nextLookMs) return;
    this.#nextLookMs = nowMs + LOOK_MS;
    if (this.#figures?.hasEnded === true) throw new GuestGoneError();
  }

  #collect(encoder: ByteEncoder): ReturnType<typeof collectOutputs> | Record<string, never> {
    if (this.job.outputs.length === 0) return {};
    try {
      return answering('the outputs', () => collectOutputs(this.#kernel, this.job, encoder));
    } catch (error) {
      if (error instanceof ControllerTimeError) this.#decisions.limit = 'controllerCpuMs';
      else if (error instanceof OperationFault) this.#failed(error);
      else throw error;
      return {};
    }
  }

  /** The guest has called exit, and waits. */
  get askedToEnd(): boolean {
    return this.#decisions.exitCode !== null;
  }

  /** @param takenAt when the cell took the run, as `performance.now()` */
  result(end: GuestEnd, startedAt: Date, takenAt: number, controllerCpuMs: number): RunResult {
    const { job } = this;
    const decisions = this.#decisions;
    decisions.cancelled = Atomics.load(this.place.shared, SHARED_CANCELLED) !== 0;
    decisions.diskFull = this.#kernel.diskLimitHit;
    this.#ended = true;
    const encoder = new ByteEncoder();
    const streams = {
      ...fieldsOf('stdout', encoder.encode(takeOutput(this.#stdout))),
      ...fieldsOf('stderr', encoder.encode(takeOutput(this.#stderr))),
    };
    const outputs = this.#collect(encoder);
    // Variables that prevent an interpreter's start are charged to the run as well.
    decisions.programBegan = this.#marked || (this.#greeted && hasEarlyVariable(job.env));
    const pressure = hostPressure();
    const ending = decideEnding(decisions, end, {
      nodeWasShort: wasShortOfMemory(this.#pressureBefore, pressure),
      ownFault: isOwnFault(end, job.limits.memoryBytes, this.place.largestMemoryBytes),
    });
    this.#transcript?.close(ending);
    const waitMs = end.waitedNs === null ? null : end.waitedNs / 1e6;
    const { syscalls } = this.#kernel.usage;
    const measured = { cpuMs: end.cpuNs / 1e6, wallMs: end.wallNs / 1e6, syscalls, waitMs };
    const unreliable = unreliability(measured, this.#pressureBefore, pressure);
    return {
      id: job.id,
      ...ending,
      message: ending.message === null ? null : oneLine(ending.message),
      ...(unreliable === null ? {} : { unreliable }),
      ...streams,
      stdoutTruncated: this.#kernel.stdoutTruncated,
      stderrTruncated: this.#kernel.stderrTruncated || this.#errorsCut,
      ...(this.#transcript === null ? {} : { transcriptDigest: this.#transcript.digest }),
      ...outputs,
      deniedCalls: Object.fromEntries(this.#kernel.deniedCalls),
      usage: {
        cpuMs: measured.cpuMs,
        startupCpuMs: end.startupCpuNs / 1e6,
        controllerCpuMs,
        wallMs: measured.wallMs,
        ...(this.#beganAt === null ? {} : { startupMs: this.#beganAt - takenAt }),
        ...(waitMs === null ? {} : { waitMs }),
        ...(end.throttledNs === null ? {} : { throttledMs: end.throttledNs / 1e6 }),
        peakMemoryBytes: end.peakBytes,
        ...this.#kernel.usage,
      },
      limits: job.limits,
      enforcement: { cpu: 'keeper-clock', wall: 'keeper-clock', memory: end.memoryHeldBy },
      engine: job.interpreter.engine,
      start: this.warm === null ? 'cold' : this.#forked === null ? 'waiting' : 'forked',
      attempt: job.attempt,
      node: this.place.node,
      cell: this.place.cell,
      startedAt: startedAt.toISOString(),
      finishedAt: new Date().toISOString(),
    };
  }

  close(): void {
    if (this.#trace !== null) closeSync(this.#trace);
    if (this.#stdin instanceof DescriptorInput) this.#stdin.close();
  }

  /**
   * Functions that the interpreter may call and that have no row in the table: listed at the head of a trace.
   */
  noteUnanswered(functions: readonly string[]): void {
    if (this.#trace === null || functions.length === 0) return;
    writeSync(this.#trace, `# not in the table of calls: ${functions.join(' ')}\n`);
  }

  /** What a translated guest wrote past its translation: fatal messages of RPython. */
  takeErrors(bytes: Buffer): void {
    this.#kernel.appendStderr(bytes.subarray(0, MAX_ERROR_BYTES));
    this.#errorsCut = bytes.length > MAX_ERROR_BYTES;
  }

  #endsBy(outcome: Outcome): boolean {
    if (outcome.kind === 'exit') this.#decisions.exitCode = outcome.code;
    else if (outcome.kind === 'signal') this.#decisions.ownSignal = outcome.signal;
    else if (outcome.kind === 'limit') this.#decisions.limit = outcome.limit;
    else if (outcome.kind === 'violation') this.#decisions.violation = brokenProtocol(outcome.why);
    else return false;
    return true;
  }

  #input(): InputStream {
    const { stdin } = this.job;
    if (stdin.kind === 'buffer') return new BufferInput(Buffer.from(stdin.data));
    const mustStop = () => this.#mustStop();
    if (stdin.kind === 'fd') return new DescriptorInput(stdin.fd, mustStop);
    return new LiveInput(this.#live(), mustStop);
  }

  #output(stream: 'stdout' | 'stderr', fd: number): OutputStream {
    if (this.job.output === 'capture') return new CaptureOutput();
    if (this.job.output === 'pass-through') return new DescriptorOutput(fd);
    const live = new LiveOutput(stream, this.#live(), () => this.#mustStop());
    return this.job.output === 'live' ? live : new CapturedLiveOutput(live);
  }

  #live(): LivePort {
    if (this.place.live === null) throw new Error('a job with live streams needs a port for them');
    return this.place.live;
  }

  #read(max: number): Buffer | null {
    // A prompt has no program to find: it begins at its first read.
    this.#beginOnce();
    return this.#stdin.read(max);
  }

  #beginOnce(): void {
    if (!this.#marked) this.#begin();
  }

  #begin(): void {
    this.#marked = this.keeper.mark(this.job.limits);
    this.#beganAt = performance.now();
    this.#time.begin();
    // Without its limits the program does not begin: the guest is dead already, or dies of this.
    if (!this.#marked) throw new GuestGoneError();
  }

  /** The guest has started: its kernel figures are available until this is null again. */
  watch(figures: GuestFigures | null): void {
    this.#figures = figures;
  }

  #guestCpuNs(): bigint {
    return this.#figures?.cpuNs ?? 0n;
  }

  /**
   * A wait inside the virtual kernel ends when the run is cancelled, when the keeper has killed the guest,
   * and when a signal is pending for the guest: Python's handler is called as soon as its call returns.
   */
  #mustStop(): boolean {
    if (Atomics.load(this.place.shared, SHARED_CANCELLED) !== 0) return true;
    return this.#figures?.goesOn !== true;
  }
}

const brokenProtocol = (how: string): string => `the guest broke the protocol: ${how}`;

/** Where parts of the run lie besides its folder and /tmp: the first that the guest finds begins the run. */
function ownPathsOf({ folder, files, mounts }: GuestJob): string[] {
  const outside = files.map(({ path }) => path).filter((path) => !path.startsWith(`${folder}/`));
  const folders = outside.map((path) => posix.dirname(path)).filter((path) => path !== '/');
  return [...new Set([...outside, ...folders]), ...mounts.map(({ path }) => path)];
}

/** The environment of the guest's program. */
function variablesOf(job: GuestJob): Readonly<Record<string, string>> {
  const { deterministic } = job;
  return environmentOf(job.folder, {
    ...(job.programPath === null ? { TERM: 'vt100' } : {}),
    ...(deterministic === null ? {} : { PYTHONHASHSEED: hashSeedOf(deterministic) }),
    ...job.env,
  });
}

function answerLinux(channel: Channel, outcome: Outcome): void {
  if (outcome.kind === 'return') channel.returnInt(outcome.value);
  else if (outcome.kind === 'error') channel.returnInt(-outcome.errno);
}

function answerLibc(channel: Channel, signature: Signature, outcome: Outcome): void {
  const errno = outcome.kind === 'return' || outcome.kind === 'error' ? outcome.errno : null;
  const value = outcome.kind === 'return' ? outcome.value : null;
  if (errno !== null) channel.setErrno(errno);
  if (signature.result === 'v') channel.returnVoid();
  else if (signature.result === 'p') channel.returnPointer(value ?? 0);
  else if (signature.result === 'f') channel.returnDouble(value ?? -1);
  else channel.returnInt(value ?? -1);
}

/** What was written to a stream that is kept for the result. */
function takeOutput(stream: OutputStream): Buffer {
  return stream instanceof CaptureOutput ? stream.take() : Buffer.alloc(0);
}
