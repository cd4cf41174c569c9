import { SyscallError } from '@sandpiper/abi';
import { HostFile, MAX_FILE_BYTES, MemoryFile } from '@sandpiper/vfs';
import { InputInode } from './input-file.js';
import { isStream, type LateWrites, lateWrites } from './late-output.js';
import { RegularFile } from './open-files.js';
import type { Call } from './call.js';
import type { KernelState } from './state.js';
import { StatsAhead, type StatsOffer } from './stats-ahead.js';
import { StandardOutput } from './streams.js';
import { type CallOutcome, RunEnds } from './types.js';

/** A read or write of at most this size is a small one, bytes. */
const SMALL_BYTES = 512;
/** AHEAD_MOST of the shim, bytes. */
const AHEAD_BYTES = 4096;
/** Files are written late only where the disk has this much room beyond what the guest may write; bytes. */
const SPARE_DISK_BYTES = 16 * 4096;

const DONE: CallOutcome = { kind: 'return', value: 0, errno: null };

/** Where output may come late, and how much, bytes. */
export interface LateRoom {
  readonly descriptors: readonly number[];
  readonly bytes: number;
}

/** What goes out with an answer, so that the guest need not ask soon. */
export interface Offer {
  readonly late: LateRoom | null;
  readonly ahead: { readonly fd: number; readonly data: Buffer } | null;
  readonly stats: StatsOffer | null;
}

const NOTHING: Offer = { late: null, ahead: null, stats: null };

/**
 * Calls that the shim answers itself, by this kernel's leave, and tells of later (native/shim/late.c and ahead.c of the
 * guest package): output that comes late, reads of bytes that were sent ahead, and looks at files that were told
 * ahead. All are told before the next call is answered, so to every other call the guest's files are as it left them.
 */
export class ShortCuts {
  /** The last call where it was a small read or write. */
  #lastName = '';
  #lastFd = -1;
  #ahead: { readonly file: RegularFile; left: number } | null = null;
  #call: Call | null = null;
  readonly #stats: StatsAhead;

  constructor(private readonly state: KernelState) {
    this.#stats = new StatsAhead(state);
  }

  /** A call is answered, and what was ahead is no longer. */
  begin(call: Call): void {
    this.#ahead = null;
    this.#call = call;
  }

  /** After the call that was begun has succeeded. */
  offer(name: string, fd: number, result: number): Offer {
    const stats = this.#call === null ? null : this.#stats.offer(this.#call);
    return stats === null ? this.#streams(name, fd, result) : { ...NOTHING, stats };
  }

  #streams(name: string, fd: number, result: number): Offer {
    const isWrite = name === 'write';
    const small = (isWrite || name === 'read') && result > 0 && result <= SMALL_BYTES;
    const again = small && name === this.#lastName && fd === this.#lastFd;
    this.#lastName = small ? name : '';
    this.#lastFd = fd;
    if (!small) return NOTHING;
    if (isWrite) return again || fd === 1 || fd === 2 ? { ...NOTHING, late: this.#lateRoom(fd) } : NOTHING;
    return again ? { ...NOTHING, ahead: this.#readAhead(fd) } : NOTHING;
  }

  /** Never more than the limits of output, calls and disk have room for: a call meets the limit, as it always did. */
  #lateRoom(fd: number): LateRoom {
    const { state } = this;
    const descriptors = [1, 2].filter((stream) => this.#file(stream) instanceof StandardOutput);
    let bytes = Math.min(state.outputLeft, this.#callsLeft);
    const file = this.#lateFile(fd);
    const room = file === null ? 0 : this.#roomOf(file);
    if (room > 0) {
      descriptors.push(fd);
      bytes = Math.min(bytes, room);
    }
    return { descriptors, bytes: Math.max(0, bytes) };
  }

  /** Null where it is no file of the guest's, or one that the shim cannot name. */
  #lateFile(fd: number): RegularFile | null {
    const file = this.#file(fd);
    if (!(file instanceof RegularFile) || !file.writable || isStream(fd) || fd > MAX_LATE_FD) return null;
    const { inode } = file;
    const own = inode instanceof MemoryFile && inode.writable;
    return own && !this.state.mappings.inodes().includes(inode) ? file : null;
  }

  /** How much a file can surely take. */
  #roomOf({ offset, inode }: RegularFile): number {
    const { quota } = this.state.space;
    const end = Math.max(offset, inode.size);
    return Math.min(MAX_FILE_BYTES - end, quota.bytes - quota.usedBytes - SPARE_DISK_BYTES);
  }

  #readAhead(fd: number): Offer['ahead'] {
    const file = this.#file(fd);
    if (!(file instanceof RegularFile) || !file.readable) return null;
    const { inode } = file;
    const stays = inode instanceof MemoryFile || inode instanceof HostFile || inode instanceof InputInode;
    if (!stays || this.state.mappings.inodes().includes(inode)) return null;
    this.state.work.step();
    const data = inode.read(file.offset, Math.min(AHEAD_BYTES, this.#callsLeft));
    if (data.length === 0) return null;
    this.#ahead = { file, left: data.length };
    return { fd, data };
  }

  /** So much was read of what was sent ahead. */
  takeAhead(bytes: number, calls: number): CallOutcome {
    const { usage } = this.state;
    const ahead = this.#ahead;
    if (ahead === null || bytes > ahead.left || calls > bytes)
      return { kind: 'violation', why: 'more was read ahead than was sent' };
    ahead.left -= bytes;
    ahead.file.offset += bytes;
    usage.bytesRead += bytes;
    usage.syscalls += calls;
    return DONE;
  }

  /** So many calls were answered by what was told of files ahead. */
  takeStats(calls: number): CallOutcome {
    return this.#stats.take(calls);
  }

  /** Frames of late output, each a `write` that was made before the next call, or before the guest ended. */
  takeLate(frames: Buffer): CallOutcome {
    const { usage, options } = this.state;
    const writes = lateWrites(frames);
    if (writes === null) return { kind: 'violation', why: 'late output that is no frame' };
    for (const write of writes) {
      usage.syscalls += write.calls;
      if (usage.syscalls > options.limits.syscalls) return { kind: 'limit', limit: 'syscalls' };
      this.state.work.step(1 + Math.floor(write.data.length / 4096));
      const outcome = this.#takeOne(write);
      if (outcome !== null) return outcome;
    }
    return DONE;
  }

  /** Null where it was taken. The guest holds that it was written, so it must be, whole. */
  #takeOne({ fd, data, atNs }: LateWrites): CallOutcome | null {
    const violation: CallOutcome = { kind: 'violation', why: `late output to descriptor ${fd}` };
    const file = isStream(fd) ? this.#file(fd) : this.#lateFile(fd);
    if (!(file instanceof StandardOutput || file instanceof RegularFile)) return violation;
    if (isStream(fd) && file instanceof RegularFile) return violation;
    try {
      const written = file instanceof RegularFile ? file.write(data, null) : file.write(data);
      this.state.usage.bytesWritten += written;
      if (written < data.length) return violation;
    } catch (error) {
      if (error instanceof RunEnds) return error.outcome;
      if (error instanceof SyscallError) return violation;
      throw error;
    }
    if (file instanceof RegularFile && atNs !== null) this.#stamp(file, atNs);
    return null;
  }

  /** The file changed when it was written, not when this kernel learned of it. */
  #stamp({ inode }: RegularFile, atNs: bigint): void {
    const { clock } = this.state.options;
    const ageNs = clock.monotonicNs() - atNs;
    if (ageNs <= 0n || ageNs > clock.monotonicNs() - this.state.startedNs) return;
    inode.mtimeNs = inode.ctimeNs = clock.realtimeNs() - ageNs;
  }

  #file(fd: number) {
    const { fds } = this.state;
    return fds.has(fd) ? fds.get(fd) : null;
  }

  get #callsLeft(): number {
    const { usage, options } = this.state;
    return Math.max(0, options.limits.syscalls - usage.syscalls);
  }
}

/** HIGHEST of the shim. */
const MAX_LATE_FD = 63;
