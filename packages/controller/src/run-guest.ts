import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { posix } from 'node:path';
import { encodeBytes, type RunResult } from '@sandpiper/contracts';
import { type GuestEnd, type KeeperClient, PYPY3_PATH } from '@sandpiper/guest';
import { defaultHostMounts, LinuxKernel } from '@sandpiper/kernel';
import { Channel, DescriptorTransport, GuestGoneError, GuestProtocolError } from '@sandpiper/protocol';
import { type CellPlace, type GuestJob, SHARED_CANCELLED, SHARED_PID } from './job.js';
import { type Decisions, decideEnding } from './status.js';
import { BufferInput, CaptureOutput, DescriptorInput, DescriptorOutput } from './streams.js';

/** Elapsed time that the interpreter may take to reach its program: generous, as the machine may be busy. */
const STARTUP_MS = 20_000;
/** The dialect of the shim that this controller was written with (native/shim/shim.h). */
const SHIM_DIALECT = 1;

/**
 * Runs one program from start to result. Blocks its thread: whoever wants it to stop sets the shared word and kills the
 * guest. Throws only for what is neither the program's nor the guest's doing.
 */
export function runGuest(job: GuestJob, place: CellPlace, keeper: KeeperClient): RunResult {
  const startedAt = new Date();
  const cpuBefore = threadCpuNs();
  const decisions: Decisions = {
    cancelled: false,
    violation: null,
    limit: null,
    memoryRefused: false,
    ownSignal: null,
    exitCode: null,
    diskFull: false,
    programBegan: false,
  };
  const session = new Session(job, place, keeper, decisions);
  const guest = keeper.start({
    executable: PYPY3_PATH,
    argv: ['pypy3', job.programPath, ...job.args],
    env: { PATH: '/usr/bin:/bin', HOME: job.folder, LANG: 'C.UTF-8', ...job.env },
    cpu: place.cpu,
    startupMs: STARTUP_MS,
  });
  Atomics.store(place.shared, SHARED_PID, guest.pid);
  if (Atomics.load(place.shared, SHARED_CANCELLED) !== 0) keeper.kill();
  let end: GuestEnd;
  try {
    session.serve(new Channel(new DescriptorTransport(guest.requests, guest.replies), 'linux'));
  } finally {
    // Whatever happened above, the guest is dead and its descriptors are closed when this function ends.
    keeper.kill();
    closeSync(guest.requests);
    closeSync(guest.replies);
    end = keeper.ended();
    Atomics.store(place.shared, SHARED_PID, 0);
    session.close();
  }
  return session.result(end, startedAt, (threadCpuNs() - cpuBefore) / 1e6);
}

class Session {
  readonly #kernel: LinuxKernel;
  readonly #stdout: CaptureOutput | DescriptorOutput;
  readonly #stderr: CaptureOutput | DescriptorOutput;
  readonly #stdin: BufferInput | DescriptorInput;
  readonly #trace: number | null;
  readonly #programPath: string;
  #marked = false;

  constructor(
    private readonly job: GuestJob,
    private readonly place: CellPlace,
    private readonly keeper: KeeperClient,
    private readonly decisions: Decisions,
  ) {
    const capture = job.output === 'capture';
    this.#stdout = capture ? new CaptureOutput() : new DescriptorOutput(1);
    this.#stderr = capture ? new CaptureOutput() : new DescriptorOutput(2);
    this.#stdin =
      job.stdin.kind === 'buffer'
        ? new BufferInput(Buffer.from(job.stdin.data))
        : new DescriptorInput(job.stdin.fd, () => this.#mustStop());
    this.#trace = job.tracePath === null ? null : openSync(job.tracePath, 'w');
    this.#programPath = posix.resolve(job.folder, job.programPath);
    const trace = this.#trace;
    this.#kernel = new LinuxKernel({
      limits: job.limits,
      stdin: this.#stdin,
      stdout: this.#stdout,
      stderr: this.#stderr,
      cwd: job.folder,
      files: job.files,
      hostMounts: defaultHostMounts(),
      argv: ['pypy3', job.programPath, ...job.args],
      executable: PYPY3_PATH,
      shouldStop: () => this.#mustStop(),
      onOpen: (path) => this.#opened(path),
      ...(trace === null ? {} : { trace: (line: string) => void writeSync(trace, `${line}\n`) }),
    });
  }

  /** Answers calls until the guest has ended or must. */
  serve(channel: Channel): void {
    try {
      if (!this.#greet(channel)) return;
      for (;;) {
        const request = channel.nextRequest();
        if (request === null) return;
        const { name } = request.signature;
        if (name === 'sandpiper_nomem') {
          this.decisions.memoryRefused = true;
          return;
        }
        const outcome = this.#kernel.call(name, request.args, channel);
        if (outcome.kind !== 'return') {
          if (outcome.kind === 'exit') this.decisions.exitCode = outcome.code;
          else if (outcome.kind === 'signal') this.decisions.ownSignal = outcome.signal;
          else this.decisions.limit = outcome.limit;
          return;
        }
        channel.returnInt(outcome.value);
      }
    } catch (error) {
      if (error instanceof GuestProtocolError)
        this.decisions.violation = `the guest broke the protocol: ${error.message}`;
      else if (!(error instanceof GuestGoneError)) throw error;
    }
  }

  result(end: GuestEnd, startedAt: Date, controllerCpuMs: number): RunResult {
    const { job, decisions } = this;
    decisions.cancelled = Atomics.load(this.place.shared, SHARED_CANCELLED) !== 0;
    decisions.diskFull = this.#kernel.diskLimitHit;
    decisions.programBegan = this.#marked;
    const ending = decideEnding(decisions, end);
    return {
      id: job.id,
      ...ending,
      ...encodeStream('stdout', this.#stdout),
      ...encodeStream('stderr', this.#stderr),
      stdoutTruncated: this.#kernel.stdoutTruncated,
      stderrTruncated: this.#kernel.stderrTruncated,
      deniedCalls: Object.fromEntries(this.#kernel.deniedCalls),
      usage: {
        cpuMs: end.cpuNs / 1e6,
        startupCpuMs: end.startupCpuNs / 1e6,
        controllerCpuMs,
        wallMs: end.wallNs / 1e6,
        peakMemoryBytes: end.peakBytes,
        ...this.#kernel.usage,
      },
      limits: job.limits,
      enforcement: { cpu: 'keeper-clock', wall: 'keeper-clock', memory: 'keeper-watch' },
      engine: job.engine,
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

  /** The first request proves that the filter is on: nothing was answered before it. */
  #greet(channel: Channel): boolean {
    const hello = channel.nextRequest();
    if (hello === null) return false;
    if (hello.signature.text !== 'sandpiper_ready(i)i' || hello.args[0] !== SHIM_DIALECT) {
      throw new Error(
        `the shim is not of this version: it says ${hello.signature.text} ${hello.args.join(' ')}`,
      );
    }
    channel.returnInt(0);
    return true;
  }

  #opened(path: string): void {
    if (this.#marked || path !== this.#programPath) return;
    this.#marked = this.keeper.mark(this.job.limits);
    // Without its limits the program does not begin: the guest is dead already, or dies of this.
    if (!this.#marked) throw new GuestGoneError();
  }

  /** A wait inside the virtual kernel ends when the run is cancelled or the keeper has killed the guest. */
  #mustStop(): boolean {
    if (Atomics.load(this.place.shared, SHARED_CANCELLED) !== 0) return true;
    try {
      process.kill(Atomics.load(this.place.shared, SHARED_PID), 0);
      return false;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ESRCH';
    }
  }
}

function encodeStream<Name extends 'stdout' | 'stderr'>(
  name: Name,
  stream: CaptureOutput | DescriptorOutput,
): Record<Name, string> & Partial<Record<`${Name}Base64`, string>> {
  const bytes = stream instanceof CaptureOutput ? stream.bytes() : Buffer.alloc(0);
  const encoded = encodeBytes(bytes);
  const fields =
    'text' in encoded
      ? { [name]: encoded.text }
      : { [name]: bytes.toString('utf8'), [`${name}Base64`]: encoded.base64 };
  return fields as Record<Name, string> & Partial<Record<`${Name}Base64`, string>>;
}

/** CPU time of the calling thread, nanoseconds: the first figure of schedstat (Documentation/scheduler/sched-stats). */
function threadCpuNs(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]);
}
