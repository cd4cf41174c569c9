import { Errno, SyscallError } from '@sandpiper/abi';
import type { GuestMemory } from '@sandpiper/kernel';
import type { Source } from '../source.js';

const BASE = 0x10000;
const BYTES = 256 * 1024;
const MMAP = 9;

/**
 * A lying guest's memory: reads return what it likes, blocks and mappings are wherever it says. It is backed
 * by one buffer, so that an address outside is bad, as under the shim.
 */
export class HostileMemory implements GuestMemory {
  readonly bytes = Buffer.alloc(BYTES);
  #next = BASE;
  /** Addresses that calls have returned: of mappings, of streams of folders. */
  readonly seen: number[] = [];

  constructor(private readonly source: Source) {}

  read(address: number, size: number): Buffer {
    return Buffer.from(this.#span(address, size));
  }

  readString(address: number, max: number): Buffer {
    const available = Math.min(max, BASE + BYTES - address);
    const span = this.#span(address, available);
    const end = span.indexOf(0);
    if (end < 0) throw new SyscallError(available < max ? Errno.EFAULT : Errno.ENAMETOOLONG);
    return Buffer.from(span.subarray(0, end));
  }

  write(address: number, data: Uint8Array): void {
    this.#span(address, data.length).set(data);
  }

  syscall(number: number, ...args: number[]): number {
    if (this.source.chance(64)) return this.source.pick([-Errno.ENOMEM, -Errno.EINVAL, 0, 4096, 2 ** 46]);
    // As it would come over the wire: 64 bits with a sign.
    if (this.source.chance(16)) return Math.max(-(2 ** 63), Math.min(2 ** 63 - 1024, this.source.hostile()));
    return number === MMAP ? BASE + ((Math.min(BYTES, args[1] ?? 0) & ~4095) % BYTES) : 0;
  }

  malloc(data: Uint8Array): number {
    if (this.source.chance(32)) return this.source.pick([0, BASE, BASE + 64, 4096, 2 ** 47 - 1]);
    const at = this.place(data);
    return at;
  }

  free(): void {}

  note(value: number): void {
    if (value < 4096 || this.seen.includes(value)) return;
    if (this.seen.length === 8) this.seen.shift();
    this.seen.push(value);
  }

  /** Stores bytes, and returns their address. */
  place(data: Uint8Array): number {
    if (this.#next + data.length > BASE + BYTES) this.#next = BASE;
    const at = this.#next;
    this.bytes.set(data, at - BASE);
    this.#next += (data.length + 15) & ~15;
    return at;
  }

  #span(address: number, size: number): Buffer {
    if (size === 0) return Buffer.alloc(0);
    const at = address - BASE;
    if (!(at >= 0 && size >= 0 && at + size <= BYTES)) throw new SyscallError(Errno.EFAULT);
    return this.bytes.subarray(at, at + size);
  }
}
