import { closeSync, openSync, writeSync } from 'node:fs';
import { posix } from 'node:path';
import { randomBytes } from 'node:crypto';
import {
  type ByteEncoder,
  fieldsOf,
  REFUSED_KINDS,
  type RefusedKind,
  type RunResult,
} from '@sandpiper/contracts';
import type { KeeperClient } from '@sandpiper/guest';
import {
  GuestKernel,
  type GuestMemory,
  HostClock,
  type GuestInput,
  type IntervalTimer,
  type CallOutcome,
  type LateRoom,
  type Offer,
  type OutputStream,
  VirtualClock,
} from '@sandpiper/kernel';
import type { Permission } from '@sandpiper/protocol';
import type { EngineTraits } from '../crossing/engines.js';
import { argvOf, type CellContext, type GuestJob } from '../crossing/job.js';
import type { LivePort } from '../crossing/live-port.js';
import { hashSeedOf, SeededBytes } from './determinism.js';
import { answering } from './operation-fault.js';
import { collectOutputs } from './outputs.js';
import { environmentOf } from './start/environment.js';
import type { ForkedGuest } from './start/fork-server.js';
import { CapturedLiveOutput, LiveInputStream, LiveOutputStream } from './streams/live-streams.js';
import {
  BufferFile,
  CaptureOutput,
  DescriptorInput,
  DescriptorOutput,
  inputOf,
  TailedOutput,
} from './streams/streams.js';
import { RecordingMemory, Transcript } from './transcript.js';

/**
 * Bytes kept of a translated guest's real descriptor 2: half the capacity of the pipe (pipe(7)). A pipe that was full
 * and lost data still holds more than this, whatever the sizes of the writes.
 */
const MAX_ERROR_BYTES = 32 * 1024;

const SIGINT = 2;

const STREAM_FIELDS = [
  'stdout',
  'stdoutBase64',
  'stderr',
  'stderrBase64',
  'combined',
  'combinedBase64',
  'stdoutTruncated',
  'stderrTruncated',
] as const;

/** What the kernel of a job needs from its session. */
export interface RunHooks {
  /** Whether a wait inside the kernel must end. */
  mustStop(): boolean;
  /** Called within a long call. @throws when the run is over */
  look(): void;
  /** The guest reached a file or a byte of the run, so its program begins. Called at each such call. */
  onOwnFound(): void;
  /** The guest's memory could not grow by so many bytes. */
  onGrowthRefused(bytes: number): void;
  /** CPU time of the guest, nanoseconds. */
  guestCpuNs(): bigint;
  /** What the guest's memory is, KiB: see KernelOptions. */
  guestMemoryKib(): ReadonlyMap<string, number>;
}

/** The virtual kernel of one job with its streams, its trace and its transcript. */
export class JobKernel {
  readonly #kernel: GuestKernel;
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #stdin: GuestInput;
  readonly #trace: number | null;
  readonly #transcript: Transcript | null;
  /** The variables that the guest's program sees. */
  readonly env: Readonly<Record<string, string>>;
  #errorsCut = false;

  /** @param forked the child of the fork server that runs the job; null when an interpreter starts for it */
  constructor(
    private readonly job: GuestJob,
    private readonly context: CellContext,
    keeper: KeeperClient,
    traits: EngineTraits,
    forked: ForkedGuest | null,
    private readonly hooks: RunHooks,
  ) {
    const { deterministic } = job;
    this.#stdout = this.#output('stdout', 1);
    this.#stderr = job.combined === true ? this.#combinedError() : this.#output('stderr', 2);
    this.#stdin = this.#input();
    const trace = job.tracePath === null ? null : openSync(job.tracePath, 'w');
    this.#trace = trace;
    this.#transcript =
      deterministic === null ? null : new Transcript(deterministic.transcriptPath, job, traits);
    this.env = variablesOf(job, traits);
    this.#kernel = new GuestKernel(traits.surface, {
      limits: job.limits,
      stdin: beginningWith(this.#stdin, () => hooks.onOwnFound()),
      stdout: this.#stdout,
      stderr: this.#stderr,
      cwd: job.folder,
      files: job.files,
      folders: foldersOfOutputs(job),
      hostMounts: traits.mounts,
      mounts: job.mounts,
      argv: [traits.argv0, ...argvOf(job)],
      executable: traits.virtualExecutable,
      env: this.env,
      setStack: (bytes) => void keeper.limitStack(bytes),
      ...sourcesOf(job, keeper, hooks),
      ...(forked === null ? {} : { inheritance: forked.inheritance }),
      shouldStop: () => hooks.mustStop(),
      look: () => hooks.look(),
      ownPaths: ownPathsOf(job),
      onOwnFound: () => hooks.onOwnFound(),
      onGrowthRefused: (bytes) => hooks.onGrowthRefused(bytes),
      ...(trace === null ? {} : { trace: (line: string) => void writeSync(trace, `${line}\n`) }),
    });
  }

  get transcript(): Transcript | null {
    return this.#transcript;
  }

  get usage(): GuestKernel['usage'] {
    return this.#kernel.usage;
  }

  get diskLimitHit(): boolean {
    return this.#kernel.diskLimitHit;
  }

  /** Answers one call of the guest. @throws OperationFault, ControllerTimeError, GuestGoneError */
  call(key: string, args: readonly number[], memory: GuestMemory): CallOutcome {
    if (this.job.instead !== undefined && isInterruptHandler(key, args)) this.hooks.onOwnFound();
    if (this.#transcript === null) return answering(key, () => this.#kernel.call(key, args, memory));
    const recording = new RecordingMemory(memory);
    const outcome = answering(key, () => this.#kernel.call(key, args, recording));
    this.#transcript.record(key, args, recording, outcome);
    return outcome;
  }

  /** Whether the result holds one output for both streams. */
  get #isCombined(): boolean {
    return this.#stdout === this.#stderr;
  }

  /** Takes output that came late. @throws as {@link call} */
  takeLate(frames: Buffer): CallOutcome {
    return answering('late output', () => this.#kernel.shortCuts.takeLate(frames));
  }

  /** @throws as {@link call} */
  takeAhead(bytes: number, calls: number): CallOutcome {
    return answering('reads ahead', () => this.#kernel.shortCuts.takeAhead(bytes, calls));
  }

  /** @throws as {@link call} */
  takeStats(calls: number): CallOutcome {
    return answering('looks ahead', () => this.#kernel.shortCuts.takeStats(calls));
  }

  /** What goes out with the answer to a call. Nothing where a trace or a transcript shows each call, or output is seen. */
  offer(key: string, args: readonly number[], outcome: CallOutcome): Offer | null {
    const shown = this.#trace !== null || this.#transcript !== null || this.job.output !== 'capture';
    if (shown || outcome.kind !== 'return') return null;
    return answering(key, () => this.#kernel.shortCuts.offer(key, args[0] ?? 0, outcome.value));
  }

  /** What the guest may do without an answer, or without a trap. */
  permission(late: LateRoom | null): Permission {
    const timer = this.#kernel.hasTimer;
    return {
      readsNeverWait: !timer && (this.#stdin === 'null' || 'readAt' in this.#stdin),
      writesNeverWait: !timer && this.job.output === 'capture',
      late: late?.descriptors ?? [],
      lateBytes: late?.bytes ?? 0,
    };
  }

  /** The captured output, and of stderr that passed through the end. Can be taken once. */
  takeStreams(encoder: ByteEncoder): Pick<RunResult, (typeof STREAM_FIELDS)[number]> {
    const output = fieldsOf(
      this.#isCombined ? 'combined' : 'stdout',
      encoder.encode(takeOutput(this.#stdout)),
    );
    return {
      ...(this.#isCombined ? { stdout: '' } : {}),
      ...output,
      ...fieldsOf('stderr', encoder.encode(takeOutput(this.#stderr))),
      stdoutTruncated: this.#kernel.stdoutTruncated,
      stderrTruncated: this.#kernel.stderrTruncated || this.#errorsCut,
    };
  }

  /** The files that the job wants back. @throws as {@link call} */
  takeFiles(encoder: ByteEncoder): Partial<Pick<RunResult, 'outputs' | 'missingOutputs'>> {
    if (this.job.outputs.length === 0) return {};
    return answering('the outputs', () => collectOutputs(this.#kernel, this.job, encoder));
  }

  /** Number of refused calls, by name. */
  get deniedCalls(): Record<string, number> {
    return Object.fromEntries(this.#kernel.deniedCalls);
  }

  /** What the program asked for and no program gets, in the order of {@link REFUSED_KINDS}. */
  get refused(): RefusedKind[] {
    return REFUSED_KINDS.filter((kind) => this.#kernel.refused.has(kind));
  }

  /** Keeps what a translated guest wrote to its real descriptor 2: fatal messages of RPython. */
  takeErrors(bytes: Buffer): void {
    this.#kernel.appendStderr(bytes.subarray(0, MAX_ERROR_BYTES));
    this.#errorsCut = bytes.length > MAX_ERROR_BYTES;
  }

  /** Writes the functions that the interpreter may call and no row of the table answers to the head of the trace. */
  noteUnanswered(functions: readonly string[]): void {
    if (this.#trace === null || functions.length === 0) return;
    writeSync(this.#trace, `# not in the table of calls: ${functions.join(' ')}\n`);
  }

  close(): void {
    if (this.#trace !== null) closeSync(this.#trace);
    if (this.#stdin instanceof DescriptorInput) this.#stdin.close();
  }

  #input(): GuestInput {
    const { stdin } = this.job;
    if (stdin.kind === 'buffer') return new BufferFile(stdin.data);
    const mustStop = () => this.hooks.mustStop();
    if (stdin.kind === 'fd') return inputOf(stdin.fd, mustStop, this.job.terminal);
    return new LiveInputStream(this.#live(), mustStop);
  }

  #output(stream: 'stdout' | 'stderr', fd: number): OutputStream {
    if (this.job.output === 'capture') return new CaptureOutput();
    if (this.job.output === 'pass-through')
      return new (stream === 'stderr' ? TailedOutput : DescriptorOutput)(fd, this.job.terminal);
    const live = new LiveOutputStream(stream, this.#live(), () => this.hooks.mustStop());
    return this.job.output === 'live' ? live : new CapturedLiveOutput(live);
  }

  /** The same stream, or for descriptors of this process another one that writes to the same. */
  #combinedError(): OutputStream {
    return this.job.output === 'pass-through' ? new TailedOutput(1, this.job.terminal) : this.#stdout;
  }

  #live(): LivePort {
    if (this.context.live === null) throw new Error('a job with live streams has no port for them');
    return this.context.live;
  }
}

/** Its first byte is the run's: an interactive session has no program file, and begins with its first read. */
function beginningWith(input: GuestInput, onFound: () => void): GuestInput {
  if (input === 'null') return input;
  if ('readAt' in input) {
    return {
      begin: input.begin,
      get size() {
        return input.size;
      },
      readAt(offset, length) {
        onFound();
        return input.readAt(offset, length);
      },
    };
  }
  return {
    terminal: input.terminal,
    read(max) {
      onFound();
      return input.read(max);
    },
    closed: () => input.closed?.(),
  };
}

/** Clock, randomness and timers: the host's, or those of a deterministic run. */
function sourcesOf({ deterministic }: GuestJob, keeper: KeeperClient, hooks: RunHooks) {
  if (deterministic === null) {
    return {
      clock: new HostClock(),
      randomBytes,
      cpuNs: () => hooks.guestCpuNs(),
      memoryFigures: () => hooks.guestMemoryKib(),
      setTimer: (which: IntervalTimer, first: bigint, interval: bigint) =>
        keeper.timer(which, Number(first), Number(interval)),
    };
  }
  const seeded = new SeededBytes(deterministic.seed);
  return {
    clock: new VirtualClock(BigInt(deterministic.epochMs) * 1_000_000n),
    randomBytes: (count: number) => seeded.take(count),
  };
}

/** Paths of the run outside its folder and /tmp. The program begins when the guest first reaches one. */
function ownPathsOf({ folder, files, mounts }: GuestJob): string[] {
  const outside = files.map(({ path }) => path).filter((path) => !path.startsWith(`${folder}/`));
  const folders = outside.map((path) => posix.dirname(path)).filter((path) => path !== '/');
  return [...new Set([...outside, ...folders]), ...mounts.map(({ path }) => path)];
}

/** Where the program is to leave files by absolute paths: it need not make the folders. */
function foldersOfOutputs({ folder, outputs }: GuestJob): string[] {
  const absolute = outputs.filter((path) => path.startsWith('/') && !path.startsWith(`${folder}/`));
  return [...new Set(absolute.map((path) => posix.dirname(path)))].filter((path) => path !== '/');
}

/**
 * Whether the interpreter sets its handler of SIGINT: its last act before it runs what stands in place of a program
 * file. The code of `-c` reaches no file of the run, so no lookup would say that it begins.
 */
function isInterruptHandler(key: string, [signal]: readonly number[]): boolean {
  return key === 'rt_sigaction' && signal === SIGINT;
}

/** The environment of the guest's program. */
function variablesOf(job: GuestJob, traits: EngineTraits): Readonly<Record<string, string>> {
  const { deterministic } = job;
  return environmentOf(job.folder, {
    ...traits.env,
    ...(job.programPath === null && job.instead === undefined ? { TERM: 'vt100' } : {}),
    ...(deterministic === null ? {} : { PYTHONHASHSEED: hashSeedOf(deterministic) }),
    ...job.env,
  });
}

/** The bytes of a captured stream, or the last ones of stderr that passed through; empty for other streams. */
function takeOutput(stream: OutputStream): Buffer {
  if (stream instanceof TailedOutput) return stream.tail();
  return stream instanceof CaptureOutput ? stream.take() : Buffer.alloc(0);
}
