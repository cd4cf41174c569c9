import { Errno, SyscallError } from '@sandpiper/abi';
import { GuestGoneError, GuestProtocolError } from './errors.js';
import {
  MAX_ARGUMENTS,
  MAX_SIGNATURE_BYTES,
  parseRegisterSignature,
  parseSignature,
  type Signature,
  SignatureCache,
} from './signature.js';
import type { Transport } from './transport.js';

/**
 * `libc` is the dialect of a translated PyPy. `linux` is the shim's: `R` and `Z` report a bad address instead
 * of dying of it, and `S` makes a native call (see native/shim/channel.c of the guest package).
 */
export type Dialect = 'libc' | 'linux';

export interface Request {
  readonly signature: Signature;
  /**
   * In the signature's order. Integers and pointers beyond 2^53 are rounded but stay integers: no handler
   * accepts such a value, so the lost bits decide nothing. Doubles (`f`) may have any value, and come in the
   * `libc` dialect only.
   */
  readonly args: readonly number[];
  /** How much output the guest has left in its pipe for late output since its last request, bytes. */
  readonly lateBytes: number;
  /** How much it has read of what was sent ahead, bytes, and by how many calls. */
  readonly ahead: { readonly bytes: number; readonly calls: number };
  /** How many calls were answered by what was sent ahead of stat(2). */
  readonly stats: number;
}

/** What a guest may do from now on without an answer (`linux` dialect). */
export interface Permission {
  /** No read, or no write, of this run has to wait. */
  readonly readsNeverWait: boolean;
  readonly writesNeverWait: boolean;
  /** Descriptors whose output may come late: see `takeLate` of the kernel. */
  readonly late: readonly number[];
  /** How much, bytes. */
  readonly lateBytes: number;
}

/** Addresses above this are not canonical user addresses on x86-64 (48 bits, upper half the kernel's). */
const ADDRESS_LIMIT = 2 ** 47;
/**
 * No process maps its first page: a translated guest that passes NULL gets an error instead of crashing on
 * it.
 */
const FIRST_ADDRESS = 4096;
/** One native transfer; the caller splits longer ones. Bounds what a guest can make us hold at once. */
export const MAX_TRANSFER_BYTES = 64 * 1024 * 1024;
const BUFFER_BYTES = 64 * 1024;
const NOTHING_AHEAD: Request['ahead'] = { bytes: 0, calls: 0 };
/** More functions than an interpreter calls. */
const MAX_SIGNATURES = 512;

const OP = {
  read: 0x52,
  readString: 0x5a,
  write: 0x57,
  malloc: 0x4d,
  free: 0x46,
  errno: 0x45,
  syscall: 0x53,
  permit: 0x47,
  ahead: 0x48,
  stats: 0x44,
  park: 0x50,
  void: 0x76,
  int: 0x69,
  double: 0x66,
  pointer: 0x70,
} as const;

/**
 * The controller's side of sandbox-2 (version 20001): a request in, operations out, one result. Operations
 * that the guest does not answer travel with the result in one write. Every length is compared with what was
 * asked before anything is read; unexpected bytes are a {@link GuestProtocolError}.
 */
export class Channel {
  readonly #signatures: SignatureCache;
  readonly #incoming = Buffer.allocUnsafe(BUFFER_BYTES);
  #start = 0;
  #end = 0;
  readonly #outgoing = Buffer.allocUnsafe(BUFFER_BYTES);
  #pending = 0;
  #expectedResult: Signature['result'] | null = null;
  /** Memory that the guest showed with its request: it stands still until the answer. */
  #shown: { readonly address: number; readonly data: Buffer } | null = null;
  #lateBytes = 0;
  #ahead = NOTHING_AHEAD;
  #stats = 0;
  /**
   * Called whenever bytes of the guest arrive, even midway through a request or an answer: a guest that
   * dribbles, and a call that reads much of its memory, take long. What it throws ends the call.
   */
  whileServing: (() => void) | null = null;

  constructor(
    private readonly transport: Transport,
    readonly dialect: Dialect,
  ) {
    const parse = dialect === 'linux' ? parseRegisterSignature : parseSignature;
    this.#signatures = new SignatureCache(MAX_SIGNATURES, parse);
  }

  /** The next request, or null when the guest has ended between two requests. */
  nextRequest(): Request | null {
    this.#shown = null;
    if (!this.#fill(1, true)) return null;
    this.#lateBytes = 0;
    this.#ahead = NOTHING_AHEAD;
    this.#stats = 0;
    while (this.#incoming[this.#start] === 0 && this.dialect === 'linux') this.#note();
    const length = this.#incoming[this.#start] as number;
    if (length === 0) throw new GuestProtocolError('bad-signature', 'a request without a name');
    this.#fill(1 + length, false);
    const text = this.#incoming.toString('latin1', this.#start + 1, this.#start + 1 + length);
    const signature = this.#signatures.get(text);
    const size = 1 + length + 8 * signature.args.length;
    this.#fill(size, false);
    const args = new Array<number>(signature.args.length);
    let at = this.#start + 1 + length;
    for (let i = 0; i < args.length; i++, at += 8) args[i] = this.#argument(signature, i, at);
    this.#start += size;
    this.#expectNothingMore();
    this.#expectedResult = signature.result;
    return { signature, args, lateBytes: this.#lateBytes, ahead: this.#ahead, stats: this.#stats };
  }

  /**
   * A note before a request (native/shim/channel.c). Another one of the same kind replaces it: there is no more to hold
   * than one.
   */
  #note(): void {
    this.#fill(2, false);
    const kind = this.#incoming[this.#start + 1];
    const size = NOTE_BYTES.get(kind ?? 0) ?? 0;
    if (size === 0) throw new GuestProtocolError('bad-signature', 'a request without a name');
    this.#fill(size, false);
    const begin = this.#start + 2;
    this.#start += size;
    if (kind === NOTE.shown) this.#noteShown(this.#word64(begin), this.#incoming.readUInt32LE(begin + 8));
    else if (kind === NOTE.late) this.#lateBytes = this.#incoming.readUInt32LE(begin);
    else if (kind === NOTE.stats) this.#stats = this.#incoming.readUInt32LE(begin);
    else
      this.#ahead = {
        bytes: this.#incoming.readUInt32LE(begin),
        calls: this.#incoming.readUInt32LE(begin + 4),
      };
    this.#fill(1, false);
  }

  #noteShown(address: number, size: number): void {
    if (size === 0 || size > MAX_SHOWN_BYTES)
      throw new GuestProtocolError('bad-length', `${size} bytes were shown with a request`);
    this.#fill(size, false);
    const data = Buffer.from(this.#incoming.subarray(this.#start, this.#start + size));
    this.#shown = { address, data };
    this.#start += size;
  }

  /** Guest memory. Throws SyscallError(EFAULT) where it is not readable. */
  read(address: number, size: number): Buffer {
    if (size === 0) return Buffer.alloc(0);
    checkAddress(address);
    if (!Number.isSafeInteger(size) || size < 0 || size > MAX_TRANSFER_BYTES)
      throw new SyscallError(Errno.EFAULT);
    const shown = this.#shown;
    if (shown !== null && shown.address === address && size <= shown.data.length)
      return shown.data.subarray(0, size);
    this.#operation(OP.read, address, size);
    this.#flush();
    const data = this.#take(size);
    if (this.dialect === 'linux' && this.#takeWord() !== 0) throw new SyscallError(Errno.EFAULT);
    this.#expectNothingMore();
    return data;
  }

  /**
   * A string without its NUL. Throws SyscallError: EFAULT, or ENAMETOOLONG when no NUL stands within `max`
   * bytes.
   */
  readString(address: number, max: number): Buffer {
    checkAddress(address);
    const shown = this.#shownString(address, max);
    if (shown !== null) return shown;
    this.#operation(OP.readString, address, max);
    this.#flush();
    const length = this.#takeWord();
    if (this.dialect === 'linux' && length === -Errno.EFAULT) {
      this.#expectNothingMore();
      throw new SyscallError(Errno.EFAULT);
    }
    if (length < 0 || length > max) {
      throw new GuestProtocolError(
        'bad-length',
        `a string of ${length} bytes where at most ${max} were asked for`,
      );
    }
    const data = this.#take(length);
    this.#expectNothingMore();
    if (length === max) throw new SyscallError(Errno.ENAMETOOLONG);
    return data;
  }

  #shownString(address: number, max: number): Buffer | null {
    const shown = this.#shown;
    if (shown === null || shown.address !== address) return null;
    const length = shown.data.indexOf(0);
    return length < 0 || length >= max ? null : shown.data.subarray(0, length);
  }

  /** Guest memory. Under the shim a bad address turns the result of this call into -EFAULT. */
  write(address: number, data: Uint8Array): void {
    if (data.length === 0) return;
    checkAddress(address);
    this.#shown = null;
    this.#operation(OP.write, address, data.length);
    this.#append(data);
  }

  /**
   * Allocates a block in the guest and fills it with `data`. Returns its address; 0 where the guest has no
   * room. An address outside user space is a protocol violation.
   */
  malloc(data: Uint8Array): number {
    this.#byte(OP.malloc);
    this.#word(data.length);
    this.#append(data);
    this.#flush();
    const address = this.#takeWord();
    this.#expectNothingMore();
    if (address !== 0 && !isAddress(address))
      throw new GuestProtocolError('bad-address', `a block at ${address}, where no memory can be`);
    return address;
  }

  free(address: number): void {
    this.#byte(OP.free);
    this.#word(address);
  }

  /** The errno that the call leaves behind (`libc` dialect; in `linux`, a negative result is the errno). */
  setErrno(errno: number): void {
    this.#byte(OP.errno);
    this.#room(4);
    this.#pending = this.#outgoing.writeInt32LE(errno, this.#pending);
  }

  /** A native system call of the guest, under its filter (`linux` dialect). Negative errno on failure. */
  syscall(number: number, ...args: number[]): number {
    this.#byte(OP.syscall);
    this.#word(number);
    for (let i = 0; i < 6; i++) this.#word(args[i] ?? 0);
    this.#flush();
    const result = this.#takeWord();
    this.#expectNothingMore();
    return result;
  }

  /** Goes out with the result that follows. */
  permit({ readsNeverWait, writesNeverWait, late, lateBytes }: Permission): void {
    let descriptors = 0;
    for (const fd of late) descriptors += 2 ** fd;
    this.#byte(OP.permit);
    this.#word((readsNeverWait ? 1 : 0) + (writesNeverWait ? 2 : 0));
    this.#word(descriptors);
    this.#word(lateBytes);
  }

  /** What the next reads of a descriptor give; goes out with the result that follows. */
  sendAhead(fd: number, data: Uint8Array): void {
    this.#byte(OP.ahead);
    this.#word(fd);
    this.#word(data.length);
    this.#append(data);
  }

  /** What stat(2) will say of files, for so many calls (native/shim/stats.c); goes out with the result that follows. */
  sendStats(calls: number, data: Uint8Array): void {
    this.#byte(OP.stats);
    this.#word(calls);
    this.#word(data.length);
    this.#append(data);
  }

  /**
   * Instead of a result: tells a guest that was started as the parent of a fork server to park. Each of its
   * children sends the request again, to a controller of its own.
   */
  park(): void {
    this.#expectedResult = null;
    this.#byte(OP.park);
    this.#flush();
  }

  returnVoid(): void {
    this.#result('v', OP.void);
    this.#flush();
  }

  returnInt(value: number): void {
    this.#result('i', OP.int);
    this.#word(value);
    this.#flush();
  }

  returnPointer(value: number): void {
    this.#result('p', OP.pointer);
    this.#word(value);
    this.#flush();
  }

  returnDouble(value: number): void {
    this.#result('f', OP.double);
    this.#room(8);
    this.#pending = this.#outgoing.writeDoubleLE(value, this.#pending);
    this.#flush();
  }

  #argument(signature: Signature, index: number, at: number): number {
    switch (signature.args[index]) {
      case 'f':
        return this.#incoming.readDoubleLE(at);
      case 'p':
        return this.#word64(at);
      default:
        return this.#incoming.readUInt32LE(at) + this.#incoming.readInt32LE(at + 4) * 2 ** 32;
    }
  }

  #word64(at: number): number {
    return this.#incoming.readUInt32LE(at) + this.#incoming.readUInt32LE(at + 4) * 2 ** 32;
  }

  #operation(op: number, address: number, size: number): void {
    this.#byte(op);
    this.#word(address);
    this.#word(size);
  }

  #result(kind: Signature['result'], op: number): void {
    // A real guest aborts on a result letter that its signature does not have: that would be our mistake.
    if (this.#expectedResult !== kind) {
      throw new GuestProtocolError('bad-result', `result ${kind} where ${this.#expectedResult} is expected`);
    }
    this.#expectedResult = null;
    this.#byte(op);
  }

  #byte(value: number): void {
    this.#room(1);
    this.#outgoing[this.#pending++] = value;
  }

  #word(value: number): void {
    this.#room(8);
    const high = Math.floor(value / 2 ** 32);
    this.#outgoing.writeUInt32LE(value - high * 2 ** 32, this.#pending);
    this.#pending = this.#outgoing.writeInt32LE(high | 0, this.#pending + 4);
  }

  #append(data: Uint8Array): void {
    if (data.length > BUFFER_BYTES / 2) {
      this.#flush();
      this.transport.write(data);
      return;
    }
    this.#room(data.length);
    this.#outgoing.set(data, this.#pending);
    this.#pending += data.length;
  }

  #room(size: number): void {
    if (this.#pending + size > BUFFER_BYTES) this.#flush();
  }

  #flush(): void {
    if (this.#pending === 0) return;
    const bytes = this.#outgoing.subarray(0, this.#pending);
    this.#pending = 0;
    this.transport.write(bytes);
  }

  #take(size: number): Buffer {
    const data = Buffer.allocUnsafe(size);
    const buffered = Math.min(size, this.#end - this.#start);
    this.#incoming.copy(data, 0, this.#start, this.#start + buffered);
    this.#start += buffered;
    for (let at = buffered; at < size; ) {
      const n = this.#receive(data, at, size - at);
      if (n === 0) throw new GuestGoneError();
      at += n;
    }
    return data;
  }

  #receive(into: Uint8Array, offset: number, length: number): number {
    const n = this.transport.read(into, offset, length);
    this.whileServing?.();
    return n;
  }

  #takeWord(): number {
    this.#fill(8, false);
    const at = this.#start;
    this.#start += 8;
    return this.#incoming.readUInt32LE(at) + this.#incoming.readInt32LE(at + 4) * 2 ** 32;
  }

  /** Makes `size` bytes available. At the end of input returns false where that is allowed, else throws. */
  #fill(size: number, mayEnd: boolean): boolean {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    if (this.#start > BUFFER_BYTES - MAX_REQUEST_BYTES) {
      this.#incoming.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    while (this.#end - this.#start < size) {
      const n = this.#receive(this.#incoming, this.#end, BUFFER_BYTES - this.#end);
      if (n === 0) {
        if (mayEnd && this.#end === this.#start) return false;
        throw new GuestGoneError();
      }
      this.#end += n;
    }
    return true;
  }

  /** One request at a time: any further bytes in the pipe are unexpected. */
  #expectNothingMore(): void {
    if (this.#start !== this.#end) {
      throw new GuestProtocolError('unasked-bytes', `${this.#end - this.#start} unexpected bytes`);
    }
  }
}

/** The letters of notes. */
const NOTE = { shown: 0x41, late: 0x4c, taken: 0x54, stats: 0x44 } as const;
/** Their sizes, with the byte 0 and the letter; of what is shown, without it. */
const NOTE_BYTES: ReadonlyMap<number, number> = new Map([
  [NOTE.shown, 14],
  [NOTE.late, 6],
  [NOTE.taken, 10],
  [NOTE.stats, 6],
]);
/** SHOWN_MOST of the shim. */
const MAX_SHOWN_BYTES = 4096;

const MAX_REQUEST_BYTES = 14 + MAX_SHOWN_BYTES + 1 + MAX_SIGNATURE_BYTES + 8 * MAX_ARGUMENTS;

function isAddress(address: number): boolean {
  return address >= FIRST_ADDRESS && address < ADDRESS_LIMIT;
}

function checkAddress(address: number): void {
  if (!isAddress(address)) throw new SyscallError(Errno.EFAULT);
}
