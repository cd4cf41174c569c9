import { Errno, PATH_MAX, SyscallError } from '@sandpiper/abi';
import { type Location, NameSpace } from '@sandpiper/vfs';
import { FdTable, InputFile, OutputFile } from './descriptors.js';
import { type GuestMemory, type KernelOptions, RunEnds } from './types.js';

/** The guest is this process, in a pid name space of its own. */
export const GUEST_PID = 2;
export const GUEST_UID = 1000;

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
  readonly startedNs = process.hrtime.bigint();
  #outputLeft: number;

  constructor(readonly options: KernelOptions) {
    this.fds = new FdTable(options.limits.openFiles);
    this.space = new NameSpace(() => this.now(), options.limits);
    this.#outputLeft = options.limits.outputBytes;
    this.cwd = this.#layOut();
    this.fds.add(new InputFile(options.stdin), false);
    this.fds.add(this.#output('stdout', 4), false);
    this.fds.add(this.#output('stderr', 5), false);
  }

  /** Nanoseconds since the epoch. */
  now(): bigint {
    return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  }

  shouldStop(): boolean {
    return this.options.shouldStop?.() === true;
  }

  #layOut(): Location {
    const { space, options } = this;
    space.makeDirectories('/tmp', true, 0o1777);
    space.makeDirectories(options.cwd, true);
    space.placeDevices();
    for (const mount of options.hostMounts) space.mountHost(mount.path, mount.host);
    space.placeFile(
      '/etc/passwd',
      Buffer.from(`user:x:${GUEST_UID}:${GUEST_UID}:user:${options.cwd}:/bin/false\n`),
      false,
    );
    space.placeFile('/etc/group', Buffer.from(`user:x:${GUEST_UID}:\n`), false);
    const own = `${options.cwd}/`;
    for (const file of options.files) {
      const path = Buffer.from(file.path).toString('latin1');
      space.placeFile(path, file.data, path.startsWith(own) || path.startsWith('/tmp/'));
    }
    return space.locate(Buffer.from(options.cwd).toString('latin1'), space.rootLocation);
  }

  /** Both streams share one limit. What fits is kept; the first byte that does not ends the run. */
  #output(name: 'stdout' | 'stderr', ino: number): OutputFile {
    return new OutputFile((data) => {
      const fits = data.subarray(0, this.#outputLeft);
      this.#outputLeft -= fits.length;
      if (fits.length > 0) this.options[name].write(fits);
      if (fits.length < data.length) {
        this.truncated[name] = true;
        throw new RunEnds({ kind: 'limit', limit: 'outputBytes' });
      }
      return data.length;
    }, ino);
  }
}

/** One call being answered: the state, the guest's memory, and what a trace will show of it. */
export class Call {
  /** Strings that were read for this call, by address. */
  readonly strings = new Map<number, string>();

  constructor(
    readonly state: KernelState,
    readonly memory: GuestMemory,
    readonly name: string,
    readonly args: readonly number[],
  ) {}

  /** An argument as a C int, which is what most calls take of a register. */
  int(index: number): number {
    return (this.args[index] ?? 0) | 0;
  }

  /** An argument as a 64-bit number. */
  long(index: number): number {
    return this.args[index] ?? 0;
  }

  /** A count of bytes: negative or beyond what any process has is EFAULT by the copy that would follow. */
  size(index: number): number {
    const value = this.long(index);
    if (value < 0 || value > 2 ** 47) throw new SyscallError(Errno.EFAULT);
    return value;
  }

  pointer(index: number): number {
    return this.long(index);
  }

  /** A path, as latin1. */
  path(index: number): string {
    const address = this.pointer(index);
    const path = this.memory.readString(address, PATH_MAX).toString('latin1');
    this.strings.set(address, path);
    return path;
  }
}

export type Handler = (call: Call) => number;
