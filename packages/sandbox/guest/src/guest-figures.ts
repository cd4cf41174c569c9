import { closeSync, constants, openSync, readlinkSync, readSync } from 'node:fs';

/** The longest file is `status`, of some 1500 bytes. */
const buffer = Buffer.alloc(4096);

/** SIGKILL in a mask of status (proc(5)). */
const KILLED = 1n << 8n;
/** USER_HZ, in which `stat` counts: 100 on x86-64. */
const NS_PER_TICK = 10_000_000n;

/** Where the keeper has the same files open. */
export interface KeeperFiles {
  readonly pid: number;
  /** Descriptors of the keeper; -1: none. */
  readonly status: number;
  readonly schedstat: number;
  /** Ours: how many signals it has sent its guests, 64 bits; null where the kernel tells of pending ones. */
  readonly signals: number | null;
}

/**
 * The kernel's figures of a guest in /proc. The files are opened once, right after its start: a guest is not
 * dumpable, so where /proc hides other processes (hidepid of proc(5)) and this node is not root, they cannot
 * be opened later. The keeper opened them before the guest became undumpable. An open file refers to this
 * process only, even if its number is reused.
 */
export class GuestFigures {
  readonly #status: number | null;
  readonly #schedstat: number | null;
  /** Used where the kernel has no schedstat. */
  readonly #stat: number | null;
  /** Signals of the keeper that have ended a wait, or were sent to another guest. */
  #signalsSeen: bigint;

  /** @param proc where proc(5) is; for tests */
  constructor(
    private readonly pid: number,
    private readonly keeper: KeeperFiles,
    proc = '/proc',
  ) {
    this.#status = openFigure(proc, pid, 'status', keeper.pid, keeper.status);
    this.#schedstat = openFigure(proc, pid, 'schedstat', keeper.pid, keeper.schedstat);
    this.#stat = this.#schedstat === null ? openFigure(proc, pid, 'stat', keeper.pid, -1) : null;
    this.#signalsSeen = signalsSent(keeper.signals);
  }

  /** Whether it was killed, and is reaped or about to be. A hidden guest exists until it is reaped. */
  get hasEnded(): boolean {
    const status = this.#look();
    return status === null ? !exists(this.pid) : status === '' || /^State:\s+[ZX]/m.test(status);
  }

  /**
   * Whether it still runs, so that a wait for it may continue: it has not ended, and no signal is pending. A
   * guest that is hidden from us runs as long as the kernel knows its number, which needs no file.
   */
  get goesOn(): boolean {
    const status = this.#look();
    if (status === null) return exists(this.pid);
    if (status === '' || /^State:\s+[ZX]/m.test(status)) return false;
    const pending = /^ShdPnd:\s+([0-9a-f]+)$/m.exec(status)?.[1];
    return pending === undefined ? !this.#wasSignalled() : /^0+$/.test(pending);
  }

  /**
   * Whether the keeper has sent a signal that no wait has ended for yet. The guest may have taken it before it began to
   * wait: then this wait ends early, once. Without the keeper's number every wait ends early.
   */
  #wasSignalled(): boolean {
    if (this.keeper.signals === null) return true;
    const sent = signalsSent(this.keeper.signals);
    const isNew = sent !== this.#signalsSeen;
    this.#signalsSeen = sent;
    return isNew;
  }

  /**
   * Whether a guest that has been left alone for a while still lives: not ended, not reaped, and not about to
   * be because it was just killed.
   */
  get isAlive(): boolean {
    const status = this.#look();
    if (status === null) return exists(this.pid);
    // A process that ends loses its memory first.
    if (/^State:\s+[ZX]/m.test(status) || !/^VmRSS:/m.test(status)) return false;
    return ['SigPnd', 'ShdPnd'].every((name) => {
      const mask = new RegExp(`^${name}:\\s+([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0';
      return (BigInt(`0x${mask}`) & KILLED) === 0n;
    });
  }

  /** CPU time until now, nanoseconds; 0 when it has ended or the time is unknown. */
  get cpuNs(): bigint {
    if (this.#schedstat !== null) return BigInt(read(this.#schedstat).split(' ', 1)[0] || 0);
    const stat = this.#stat === null ? '' : read(this.#stat);
    // The name, in parentheses, may hold anything; utime and stime are the 12th and 13th field behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return BigInt(Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * NS_PER_TICK;
  }

  /**
   * Its address space and the pages of its own, KiB by names of proc_pid_status(5); empty when it has ended or is
   * hidden.
   */
  get memoryKib(): ReadonlyMap<string, number> {
    const lines = (this.#look() ?? '').matchAll(/^(VmPeak|VmSize|RssAnon):\s+(\d+) kB$/gm);
    return new Map(Array.from(lines, ([, name = '', kib]) => [name, Number(kib)]));
  }

  close(): void {
    for (const fd of [this.#status, this.#schedstat, this.#stat]) if (fd !== null) closeSync(fd);
  }

  /** Empty when it was reaped; null when it is hidden. */
  #look(): string | null {
    return this.#status === null ? null : read(this.#status);
  }
}

/** Null where it is hidden from us, and the keeper has none. */
function openFigure(
  proc: string,
  pid: number,
  name: string,
  keeper: number,
  descriptor: number,
): number | null {
  const path = `${proc}/${pid}/${name}`;
  try {
    return openSync(path, 'r');
  } catch {
    if (descriptor < 0) return null;
  }
  try {
    const fd = openSync(`${proc}/${keeper}/fd/${descriptor}`, constants.O_RDONLY | constants.O_NONBLOCK);
    // The keeper may have closed it meanwhile, and reused the number for another file.
    if (readlinkSync(`/proc/self/fd/${fd}`) === path) return fd;
    closeSync(fd);
  } catch {
    // the guest has ended meanwhile, or the keeper is hidden too
  }
  return null;
}

/** Empty once the process has been reaped (ESRCH). */
function read(fd: number): string {
  try {
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0));
  } catch {
    return '';
  }
}

/** 0 before the first one. */
function signalsSent(file: number | null): bigint {
  if (file === null || readSync(file, buffer, 0, 8, 0) < 8) return 0n;
  return buffer.readBigInt64LE();
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
