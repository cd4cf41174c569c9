import { basename } from 'node:path';
import { encodeRlimit, O } from '@sandpiper/abi';
import { DeviceInode, type Location, NameSpace } from '@sandpiper/vfs';
import { FdTable, type OpenFile } from './descriptors.js';
import { WatchBudget } from './epoll.js';
import { InputInode } from './input-file.js';
import { Device, RegularFile } from './open-files.js';
import { StandardInput, StandardOutput, PipeBudget } from './streams.js';
import { LibcState } from './libc-state.js';
import { Mappings } from './mappings.js';
import { COMMON_FOLDERS, latin1Of, placeSurroundings } from './surroundings/layout.js';
import {
  type DeniedKind,
  type InputFile,
  type IntervalTimer,
  ITIMER,
  type KernelOptions,
  RunEnds,
} from './types.js';
import { CountedWork } from './work.js';

/** The guest is this process, in a pid name space of its own. */
export const GUEST_PID = 2;
/** Its parent, of which there is no more than this number. */
export const PARENT_PID = 1;

/**
 * The name of standard input that is a file, so that what readlink says of /dev/stdin can be opened. No file of a run
 * can have this path.
 */
export const INPUT_PATH = `/proc/${GUEST_PID}/stdin`;
/** Where the limits name none. */
const DEFAULT_MEMORY_BYTES = 2 ** 30;
const DEFAULT_STACK_BYTES = 8 * 2 ** 20;

/** How many descriptors the sets of a guest may watch together, per descriptor that it may have open. */
const WATCHES_A_DESCRIPTOR = 4;

const isCommon = (path: string): boolean => COMMON_FOLDERS.some((folder) => path.startsWith(`${folder}/`));

/** Everything that the virtual kernel knows of its guest; handlers work on it. */
export class KernelState {
  readonly fds: FdTable;
  readonly space: NameSpace;
  cwd: Location;
  umask = 0o022;
  readonly usage = { syscalls: 0, bytesRead: 0, bytesWritten: 0 };
  readonly truncated = { stdout: false, stderr: false };
  /** Handlers that the guest installed: signal number to the 32 bytes of its struct sigaction. */
  readonly sigactions = new Map<number, Buffer>();
  alternateStack: Buffer = Buffer.alloc(24);
  readonly work: CountedWork;
  readonly mappings: Mappings;
  readonly watches: WatchBudget;
  readonly pipes = new PipeBudget();
  /** nice(2) */
  niceness = 0;
  /** sched_setscheduler(2): remembered, not applied. */
  schedulingPolicy = 0;
  /** RLIMIT_STACK as the guest sees it, a struct rlimit. The hard limit is that of a login: none. */
  stackLimit: Buffer;
  /** What the guest has asked for and cannot get. */
  readonly refused = new Set<DeniedKind>();
  /** By their numbers in setitimer(2). That of SIGALRM is on the monotonic clock, the others on the CPU clock. */
  readonly timers: Record<IntervalTimer, { readonly atNs: bigint; readonly interval: bigint } | null> = {
    [ITIMER.REAL]: null,
    [ITIMER.VIRTUAL]: null,
    [ITIMER.PROF]: null,
  };
  readonly startedNs: bigint;
  readonly libc: LibcState;
  /** Standard input where it is a file; it stands at {@link INPUT_PATH}. */
  inputInode: InputInode | null = null;
  #outputLeft: number;

  constructor(readonly options: KernelOptions) {
    this.startedNs = options.clock.monotonicNs();
    const { inheritance } = options;
    if (inheritance !== undefined) {
      for (const [signal, action] of inheritance.sigactions) this.sigactions.set(signal, action);
      this.alternateStack = inheritance.alternateStack;
      this.umask = inheritance.umask;
    }
    this.work = new CountedWork(() => options.look?.());
    this.mappings = new Mappings(this.work);
    this.libc = new LibcState(options.env);
    this.stackLimit = encodeRlimit(this.stackBytes, Number.POSITIVE_INFINITY);
    this.fds = new FdTable(options.limits.openFiles);
    this.watches = new WatchBudget(WATCHES_A_DESCRIPTOR * options.limits.openFiles);
    this.space = new NameSpace(() => this.now(), options.limits, this.work);
    this.#outputLeft = options.limits.outputBytes;
    this.cwd = this.#layOut();
    this.fds.add(this.#input(), false);
    this.fds.add(this.#output('stdout', 4), false);
    this.fds.add(this.#output('stderr', 5), false);
  }

  /** Nanoseconds since the epoch. */
  /** The name of the process: of the program, as execve(2) sets it (PR_SET_NAME). */
  get processName(): string {
    return basename(this.options.executable).slice(0, 15);
  }

  now(): bigint {
    return this.options.clock.realtimeNs();
  }

  /** CPU time of the guest, nanoseconds. */
  cpuNs(): bigint {
    const { clock, cpuNs } = this.options;
    return cpuNs === undefined ? clock.monotonicNs() - this.startedNs : cpuNs();
  }

  /** The memory that the guest takes for its machine's. */
  get memoryBytes(): number {
    return this.options.limits.memoryBytes ?? DEFAULT_MEMORY_BYTES;
  }

  /** The most that the guest's stack may have. */
  get stackBytes(): number {
    return this.options.limits.stackBytes ?? DEFAULT_STACK_BYTES;
  }

  shouldStop(): boolean {
    return this.options.shouldStop?.() === true;
  }

  #layOut(): Location {
    const { space, options } = this;
    placeSurroundings(space, options);
    const cwd = latin1Of(options.cwd);
    const own = `${cwd}/`;
    for (const folder of options.folders ?? []) space.makeDirectories(latin1Of(folder), true);
    for (const file of options.files) {
      const path = latin1Of(file.path);
      space.placeFile(path, file.data, path.startsWith(own) || isCommon(path));
    }
    return space.locate(cwd, space.rootLocation);
  }

  #input(): OpenFile {
    const { stdin, randomBytes } = this.options;
    if (stdin === 'null') {
      const { inode } = this.space.resolve('/dev/null', this.space.rootLocation, false);
      if (!(inode instanceof DeviceInode)) throw new Error('/dev/null is no device');
      return new Device(inode, O.RDONLY, randomBytes);
    }
    return 'readAt' in stdin ? this.#inputFile(stdin) : new StandardInput(stdin);
  }

  #inputFile(input: InputFile): OpenFile {
    const inode = new InputInode(this.space.newIno(), this.now(), input);
    this.inputInode = inode;
    const file = new RegularFile(inode, O.RDONLY, () => this.now(), INPUT_PATH);
    file.offset = input.begin;
    return file;
  }

  /** What is left of the output limit, bytes. */
  get outputLeft(): number {
    return this.#outputLeft;
  }

  appendStderr(data: Buffer): void {
    try {
      if (data.length > 0) this.#write('stderr', data);
    } catch (error) {
      if (!(error instanceof RunEnds)) throw error;
    }
  }

  /** Both streams share one limit. What fits is kept; the first byte beyond it ends the run. */
  #output(name: 'stdout' | 'stderr', ino: number): StandardOutput {
    const stream = this.options[name];
    const { terminal } = stream;
    const write = (data: Buffer): number => this.#write(name, data);
    return new StandardOutput({ write, closed: () => stream.closed?.(), terminal }, ino);
  }

  #write(name: 'stdout' | 'stderr', data: Buffer): number {
    const fits = data.subarray(0, this.#outputLeft);
    const taken = fits.length > 0 ? this.options[name].write(fits) : 0;
    this.#outputLeft -= taken;
    if (taken < fits.length) return taken;
    if (fits.length < data.length) {
      this.truncated[name] = true;
      throw new RunEnds({ kind: 'limit', limit: 'outputBytes' });
    }
    return data.length;
  }
}
