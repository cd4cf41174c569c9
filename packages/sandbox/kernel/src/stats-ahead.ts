import { putStat, STAT_BYTES, SyscallError } from '@sandpiper/abi';
import { HostDirectory, HostFile, type Inode, MemoryDirectory, MemoryFile } from '@sandpiper/vfs';
import type { Call } from './call.js';
import type { KernelState } from './state.js';
import type { CallOutcome } from './types.js';

/** Successful calls in one folder, with no other between, after which the next files are told ahead. */
const IN_A_ROW = 4;
/** How many files are told at once: at first, and at most. */
const FEW = 16;
const MOST = 128;
/** STATS_MOST of the shim, bytes. */
const MOST_BYTES = 32 * 1024;
/**
 * Where fewer of those that were told were asked for, in 100, fewer are told; below {@link TOO_FEW} none, for so many
 * looks.
 */
const USED_PERCENT = 25;
const TOO_FEW = 4;
const PAUSE = 200;

/** What stat(2) will say of files of one folder: see native/shim/stats.c of the guest package. */
export interface StatsOffer {
  /** How many calls may be answered from it. */
  readonly calls: number;
  /** Valid until the next offer. */
  readonly data: Buffer;
}

const DONE: CallOutcome = { kind: 'return', value: 0, errno: null };
const VIOLATION: CallOutcome = { kind: 'violation', why: 'more files were looked at ahead than were told' };

/** The calls that the shim can answer, and the argument with their path. */
const PATHS: ReadonlyMap<string, number> = new Map([
  ['stat', 0],
  ['lstat', 0],
  ['newfstatat', 1],
]);

/**
 * A program that looks at the files of a folder one by one (`iterdir()` and `stat()`) is told of the next ones with an
 * answer. Only files and folders of the guest and of mounts: what stat(2) says of them changes by calls of the guest
 * alone, and with the first that might change it the shim forgets it all.
 */
export class StatsAhead {
  /** As the guest wrote it, with the slash at its end. */
  #folder = '';
  #inARow = 0;
  #size = FEW;
  /** How many files were told last, how many calls they answered, and how many they may. */
  #told = 0;
  #answered = 0;
  #allowed = 0;
  /** Made with the first offer, as few programs have one; zero behind {@link #used}. */
  #room: Buffer | null = null;
  #used = 0;

  constructor(private readonly state: KernelState) {}

  /** So many calls were answered by what was told. */
  take(calls: number): CallOutcome {
    if (calls > this.#allowed) return VIOLATION;
    this.#allowed -= calls;
    this.#answered += calls;
    this.state.usage.syscalls += calls;
    return DONE;
  }

  /** After a call has succeeded. */
  offer(call: Call): StatsOffer | null {
    const index = PATHS.get(call.name);
    const path = index === undefined ? '' : (call.strings.get(call.pointer(index)) ?? '');
    const slash = path.lastIndexOf('/');
    const folder = path.startsWith('/') ? path.slice(0, slash + 1) : '';
    if (folder === '' || folder !== this.#folder) {
      this.#folder = folder;
      this.#inARow = 1;
      this.#size = FEW;
      this.#told = 0;
      return null;
    }
    if (++this.#inARow < IN_A_ROW || !this.#resize()) return null;
    return this.#next(folder, path.slice(slash + 1));
  }

  /** By how many of those that were told were asked for. */
  #resize(): boolean {
    if (this.#told > 0) {
      const wellUsed = 100 * this.#answered >= USED_PERCENT * this.#told;
      this.#size = wellUsed ? Math.min(MOST, 4 * this.#size) : Math.floor(this.#size / 4);
    }
    this.#told = this.#answered = 0;
    if (this.#size >= TOO_FEW) return true;
    this.#inARow = -PAUSE;
    this.#size = FEW;
    return false;
  }

  /** The files behind this one, and after the last those from the first on. */
  #next(path: string, name: string): StatsOffer | null {
    const { usage, options } = this.state;
    const folder = this.#directory(path);
    const begin = folder?.numberOf(name) ?? null;
    const calls = Math.min(MOST_BYTES, options.limits.syscalls - usage.syscalls);
    if (folder === null || begin === null || path.length > MOST_BYTES / 2 || calls <= 0) return null;
    const to = (this.#room ??= Buffer.alloc(MOST_BYTES)).fill(0, 0, this.#used);
    const head = putText(to, path, 0);
    let at = head;
    let number = begin;
    for (let looked = 0; looked < this.#size; looked++) {
      this.state.work.step();
      const entry = folder.entryAfter(number) ?? folder.entryAfter(0);
      if (entry === null || entry.number === begin) break;
      number = entry.number;
      if (!this.#isSteady(entry.inode)) continue;
      if (at + 2 + entry.name.length + STAT_BYTES > MOST_BYTES) break;
      const stat = putText(to, entry.name, at);
      putStat(to, entry.inode.stat(), stat);
      at = stat + STAT_BYTES;
      this.#told++;
    }
    this.#used = at;
    if (at === head) return null;
    this.#allowed = calls;
    return { calls, data: to.subarray(0, at) };
  }

  #directory(path: string): MemoryDirectory | HostDirectory | null {
    const { space } = this.state;
    try {
      const { inode } = space.resolve(path, space.rootLocation, true);
      return inode instanceof MemoryDirectory || inode instanceof HostDirectory ? inode : null;
    } catch (error) {
      if (error instanceof SyscallError) return null;
      throw error;
    }
  }

  #isSteady(inode: Inode): boolean {
    if (inode instanceof MemoryDirectory || inode instanceof HostDirectory || inode instanceof HostFile)
      return true;
    return inode instanceof MemoryFile && !this.state.mappings.inodes().includes(inode);
  }
}

/** Two bytes of length, and the bytes of a latin1 text. Returns the position behind them. */
function putText(to: Buffer, text: string, at: number): number {
  to.writeUInt16LE(text.length, at);
  // For names as short as most are, a call of write() costs more than its bytes.
  for (let i = 0; i < text.length; i++) to[at + 2 + i] = text.charCodeAt(i);
  return at + 2 + text.length;
}
