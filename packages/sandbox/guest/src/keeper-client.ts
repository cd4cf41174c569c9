import { closeSync, constants as files, existsSync, openSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { GuestFigures } from './guest-figures.js';

/** What a guest is started with. Strings hold no NUL: the contracts check that. */
export interface GuestStart {
  readonly executable: string;
  /**
   * The glibc loader of another root, which is executed in the program's place: `argv` is the loader's then, and names
   * the program.
   */
  readonly loader?: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /**
   * `translated` is a PyPy that speaks sandbox-2 itself; `stock` is any other, under the shim; `parked` is a
   * stock one that becomes a parent: see {@link KeeperClient.park}.
   */
  readonly kind: 'stock' | 'translated' | 'parked';
  /** The controller simulates the guest's clock, and addresses are the same in every run. */
  readonly deterministic: boolean;
  /** The CPU that the guest is pinned to, or null. */
  readonly cpu: number | null;
  /** Elapsed time that the interpreter may take until its program begins, milliseconds. */
  readonly startupMs: number;
}

/** What a pipe holds (pipe(7)). */
const PIPE_BYTES = 65536;

/** A started guest, with our ends of its pipes. */
export class StartedGuest {
  constructor(
    readonly pid: number,
    readonly requests: number,
    readonly replies: number,
    private readonly errors: number,
    readonly figures: GuestFigures,
  ) {}

  /**
   * Output of a stock guest that it has told of, and that is in the pipe by then (native/shim/late.c); null where it is
   * not there.
   */
  readLate(size: number): Buffer | null {
    if (size > PIPE_BYTES) return null;
    const bytes = Buffer.allocUnsafe(size);
    for (let at = 0; at < size; ) {
      const n = this.#readNow(bytes, at);
      if (n === 0) return null;
      at += n;
    }
    return bytes;
  }

  /**
   * What is left in the pipe when the guest has ended: what a translated guest wrote to its own descriptor 2, or late
   * output of a stock one. At most what a pipe holds, 64 KiB.
   */
  readErrors(): Buffer {
    const bytes = Buffer.alloc(PIPE_BYTES);
    return bytes.subarray(0, this.#readNow(bytes, 0));
  }

  /** 0 where nothing is there. */
  #readNow(bytes: Buffer, at: number): number {
    try {
      return readSync(this.errors, bytes, at, bytes.length - at, null);
    } catch {
      return 0; // nothing there, and someone could still write
    }
  }

  close(): void {
    for (const fd of [this.requests, this.replies, this.errors]) closeSync(fd);
    this.figures.close();
  }
}

/** `oom`: the kernel ended it for lack of memory, while its control group was below its own limit. */
export type GuestEndReason = 'exit' | 'cpu' | 'wall' | 'memory' | 'startup' | 'killed' | 'oom';

/** The keeper's report of a guest that has ended. Times in nanoseconds, memory in bytes. */
export interface GuestEnd {
  readonly memoryHeldBy: 'cgroup-v2' | 'cgroup-v1' | 'keeper-watch';
  readonly reason: GuestEndReason;
  readonly exitCode: number | null;
  readonly signal: number | null;
  readonly startupCpuNs: number;
  readonly cpuNs: number;
  readonly wallNs: number;
  /** Resident memory when the program began. */
  readonly baselineBytes: number;
  /** Peak resident memory above that. */
  readonly peakBytes: number;
  /**
   * How long it could have run but had no CPU, since its program began; null where the kernel does not tell.
   */
  readonly waitedNs: number | null;
  /** How long a cap on its CPU (cpu.max) has throttled it, including its start; null without a cap. */
  readonly throttledNs: number | null;
  /**
   * It crossed a limit of time and had a last moment: the times are those of the limit, and what it did afterwards
   * decides nothing.
   */
  readonly hadMoment: boolean;
}

/** The meaning of these exit codes before the program began (GUEST_EXIT_... of native/keeper/child.h). */
export const NOT_EXECUTED: ReadonlyMap<number, string> = new Map([
  [
    116,
    'the sandbox cannot be preloaded into it: it must be a dynamically linked program for Linux on x86-64 with the loader of glibc',
  ],
  [117, 'its arguments and variables are longer than the kernel allows'],
  [118, 'it could not enter its control group'],
  [
    119,
    'the shim cannot be loaded: guests must be able to read it, and its file system must not be mounted noexec',
  ],
  [120, 'its limits cannot be set (setrlimit, prctl), or its keeper is gone'],
  [
    121,
    'descriptors cannot be placed or closed: the kernel has no close_range, and /proc/self/fd cannot be listed',
  ],
  [122, 'it cannot become the guests’ user: give root CAP_SETUID and CAP_SETGID, or run as an ordinary user'],
  [123, 'it cannot be pinned to its CPU: SANDPIPER_CELL_CPUS names one that this process may not use'],
  [124, 'the hard limit of open files is below 8192'],
  [125, 'its addresses cannot be fixed here, which a deterministic run needs: personality(2) is refused'],
  [
    126,
    'the shim refuses to start: a second thread, descriptors or handlers that it cannot set, or in a deterministic run a counter of the processor that it cannot hide',
  ],
  [
    127,
    'the user of the guests, who is another one when Sandpiper is root, cannot execute it or cannot read a library that it is linked to',
  ],
]);

/**
 * The signal that kills a translated guest when memory is refused (SHIM_SIGNAL_NO_MEMORY,
 * native/shim/shim.h).
 */
export const REFUSED_MEMORY_SIGNAL = constants.signals.SIGSTKFLT;

export class KeeperError extends Error {
  override readonly name = 'KeeperError';
}

const REASONS: ReadonlySet<string> = new Set([
  ...['exit', 'cpu', 'wall', 'memory', 'startup', 'killed', 'lost', 'oom'],
]);
const ENFORCERS = new Map([
  ['cgroup-v2', 'cgroup-v2'],
  ['cgroup-v1', 'cgroup-v1'],
  ['none', 'keeper-watch'],
] as const);

/**
 * The controller thread's side of the keeper: blocking, over the FIFOs in the keeper's folder. The thread may
 * wait here: the keeper answers at once, and when it dies the reads end.
 */
export class KeeperClient {
  readonly #control: number;
  readonly #reports: number;
  readonly #signals: number | null;
  #unread = '';
  #whyNotForked = '';

  constructor(private readonly directory: string) {
    this.#control = openEnd(directory, 'control', files.O_WRONLY);
    this.#reports = openEnd(directory, 'reports', files.O_RDONLY);
    // Only where the kernel does not tell of pending signals (native/keeper/keeper.c).
    const signals = join(directory, 'signals');
    this.#signals = existsSync(signals) ? openSync(signals, 'r') : null;
  }

  /** Starts a guest; the caller closes it. */
  start(guest: GuestStart): StartedGuest {
    // The prefix hides them from the dynamic loader; the shim removes it (native/shim/shim.h).
    const env = Object.entries(guest.env).map(([name, value]) => `GUEST_${name}=${value}`);
    this.#send(
      'start',
      guest.executable,
      guest.loader ?? '',
      guest.cpu ?? -1,
      guest.startupMs,
      guest.kind,
      guest.deterministic ? 1 : 0,
      guest.argv.length,
      ...guest.argv,
      ...env,
      ...(guest.kind === 'translated' ? ['SANDPIPER_TRANSLATED=1'] : []),
      ...(guest.kind === 'parked' ? ['SANDPIPER_PARKED=1'] : []),
      ...(guest.deterministic ? ['SANDPIPER_VIRTUAL_TIME=1'] : []),
      'LD_PRELOAD=/proc/self/fd/5',
    );
    return this.#attach(this.#expect('started'));
  }

  /**
   * The guest that was started as `parked`, and told so by its controller, becomes the parent of later
   * guests. Returns false when it died before that; its end must then still be collected.
   */
  park(): boolean {
    this.#send('parked');
    return this.#answerPast('parked');
  }

  /** A guest that is a copy of the parent; null when there is no parent any more. The caller closes it. */
  fork(startupMs: number): StartedGuest | null {
    this.#send('fork', startupMs);
    const line = this.#line();
    if (line.startsWith('started ')) return this.#attach(line.slice(8));
    this.#whyNotForked = line.replace(/^failed (fork: )?/, '');
    return null;
  }

  /** Why the last {@link fork} failed. */
  get whyNotForked(): string {
    return this.#whyNotForked;
  }

  /** Ends the parent, if there is one. */
  retire(): void {
    this.#send('retire');
  }

  /** @param started `PID KEEPER STATUS_FD SCHEDSTAT_FD` */
  #attach(started: string): StartedGuest {
    const [pid = 0, keeper = 0, status = -1, schedstat = -1] = started.split(' ').map(Number);
    const figures = new GuestFigures(pid, {
      ...{ pid: keeper, status, schedstat },
      signals: this.#signals,
    });
    const requests = openEnd(this.directory, 'requests', files.O_RDONLY);
    const replies = openEnd(this.directory, 'replies', files.O_WRONLY);
    const errors = openSync(join(this.directory, 'errors'), files.O_RDONLY | files.O_NONBLOCK);
    this.#send('attached');
    return new StartedGuest(pid, requests, replies, errors, figures);
  }

  /** The program begins: limits and usage count from here. Returns false when the guest is already dead. */
  mark(limits: { cpuMs: number; wallMs: number; memoryBytes: number; stackBytes: number }): boolean {
    this.#send('mark', limits.cpuMs, limits.wallMs, limits.memoryBytes, limits.stackBytes);
    return this.#answerPast('marked');
  }

  /** Bounds the guest's stack, at most by the limit of the mark. Returns false when the guest is already dead. */
  limitStack(bytes: number): boolean {
    this.#send('stack', bytes);
    return this.#answerPast('stacked');
  }

  /** Whether the answer is that word. The guest may have died before the keeper read the command. */
  #answerPast(word: string): boolean {
    let line = this.#line();
    if (line.startsWith('ended ')) {
      const end = line;
      line = this.#line();
      this.#unread = `${end}\n${this.#unread}`;
    }
    // Alive, but its limits could not be set: our fault, so the attempt fails.
    if (line.startsWith('failed the limits')) throw new KeeperError(line);
    return line === word;
  }

  /** For a guest that was started ahead of its run: the deadline for its start counts from now. */
  startsNow(startupMs: number): void {
    this.#send('starts', startupMs);
  }

  /**
   * Sends the guest the signal of a timer of setitimer(2) after a delay and then at each interval, nanoseconds; 0 stops
   * it.
   */
  timer(which: 0 | 1 | 2, firstNs: number, intervalNs: number): void {
    this.#send('timer', which, firstNs, intervalNs);
  }

  /** For a guest that has asked to end: it is reported as it is now, and cleaned up later. */
  finish(): void {
    this.#send('finish');
  }

  kill(): void {
    this.#send('kill');
  }

  /** Waits until the guest has ended and was reaped. */
  ended(): GuestEnd {
    return parseGuestEnd(this.#line());
  }

  /** Pins a thread of this process to a CPU. */
  pinThread(threadId: number, cpu: number): void {
    this.#send('pin', threadId, cpu);
    this.#expect('pinned');
  }

  close(): void {
    closeSync(this.#control);
    closeSync(this.#reports);
    if (this.#signals !== null) closeSync(this.#signals);
  }

  #send(...words: (string | number)[]): void {
    const payload = Buffer.from(`${words.join('\0')}\0`);
    const frame = Buffer.allocUnsafe(4 + payload.length);
    frame.writeUInt32LE(payload.length, 0);
    payload.copy(frame, 4);
    try {
      for (let at = 0; at < frame.length; ) at += writeSync(this.#control, frame, at);
    } catch (error) {
      throw new KeeperError(`the keeper is gone: ${(error as Error).message}`);
    }
  }

  #expect(word: string): string {
    const line = this.#line();
    if (line === word) return '';
    if (!line.startsWith(`${word} `)) throw new KeeperError(line);
    return line.slice(word.length + 1);
  }

  #line(): string {
    const bytes = Buffer.allocUnsafe(4096);
    for (;;) {
      const end = this.#unread.indexOf('\n');
      if (end >= 0) {
        const line = this.#unread.slice(0, end);
        this.#unread = this.#unread.slice(end + 1);
        return line;
      }
      const n = readSync(this.#reports, bytes, 0, bytes.length, null);
      if (n === 0) throw new KeeperError('the keeper is gone');
      this.#unread += bytes.toString('latin1', 0, n);
    }
  }
}

/**
 * Opens one end of a FIFO without waiting for the other (fifo(7)): if the keeper had died meanwhile, that
 * wait would never end, and a thread blocked in open(2) cannot be interrupted. For a moment it holds both
 * ends itself.
 */
function openEnd(directory: string, name: string, end: number): number {
  const path = join(directory, name);
  let both: number;
  try {
    both = openSync(path, files.O_RDWR);
  } catch (error) {
    throw new KeeperError(`the keeper is gone: ${(error as Error).message}`);
  }
  try {
    return openSync(path, end);
  } finally {
    closeSync(both);
  }
}

/** @throws KeeperError when the line is no report of an end, and when the guest was lost */
export function parseGuestEnd(line: string): GuestEnd {
  const words = line.split(' ');
  const memoryHeldBy = words.pop() ?? '';
  const [, reason = '', ...figures] = words;
  const [status, startupCpuNs, cpuNs, wallNs, baselineBytes, peakBytes, waitedNs, throttledNs, moment] =
    figures.map(Number);
  const enforcer = ENFORCERS.get(memoryHeldBy as 'none');
  if (
    !REASONS.has(reason) ||
    enforcer === undefined ||
    status === undefined ||
    figures.some((f) => !/^-?\d+$/.test(f))
  ) {
    throw new KeeperError(`invalid report: ${line}`);
  }
  if (reason === 'lost') throw new KeeperError('the control group of the guest has gone');
  // wait(2): the low seven bits are the signal, the next byte the exit code.
  const signal = status & 0x7f;
  return {
    reason: reason as GuestEndReason,
    memoryHeldBy: enforcer,
    exitCode: signal === 0 ? (status >> 8) & 0xff : null,
    signal: signal === 0 ? null : signal,
    startupCpuNs: startupCpuNs ?? 0,
    cpuNs: cpuNs ?? 0,
    wallNs: wallNs ?? 0,
    baselineBytes: baselineBytes ?? 0,
    peakBytes: peakBytes ?? 0,
    waitedNs: waitedNs === undefined || waitedNs < 0 ? null : waitedNs,
    throttledNs: throttledNs === undefined || throttledNs < 0 ? null : throttledNs,
    hadMoment: moment === 1,
  };
}
