import { Errno, SyscallError } from '@sandpiper/abi';

/**
 * The memory of a guest that does not exist, for tests and fuzzers: one buffer; every address outside is bad, as under
 * the shim.
 */
export class BufferMemory {
  /** The first good address. */
  static readonly BASE = 0x10000;

  readonly bytes: Buffer;
  #next = BufferMemory.BASE;

  constructor(size: number) {
    this.bytes = Buffer.alloc(size);
  }

  read(address: number, size: number): Buffer {
    return Buffer.from(this.#span(address, size));
  }

  readString(address: number, max: number): Buffer {
    const available = Math.min(max, BufferMemory.BASE + this.bytes.length - address);
    const span = this.#span(address, available);
    const end = span.indexOf(0);
    if (end < 0) throw new SyscallError(available < max ? Errno.EFAULT : Errno.ENAMETOOLONG);
    return Buffer.from(span.subarray(0, end));
  }

  write(address: number, data: Uint8Array): void {
    this.#span(address, data.length).set(data);
  }

  /** The address of `size` free bytes, a multiple of `unit`, or -ENOMEM. */
  room(size: number, unit = 16): number {
    const at = (this.#next + unit - 1) & -unit;
    if (at + size > BufferMemory.BASE + this.bytes.length) return -Errno.ENOMEM;
    this.#next = at + ((size + 15) & ~15);
    return at;
  }

  /** All of it is free again; what it holds stays. */
  reuse(): void {
    this.#next = BufferMemory.BASE;
  }

  #span(address: number, size: number): Buffer {
    if (size === 0) return Buffer.alloc(0);
    const at = address - BufferMemory.BASE;
    if (!(at >= 0 && size >= 0 && at + size <= this.bytes.length)) throw new SyscallError(Errno.EFAULT);
    return this.bytes.subarray(at, at + size);
  }
}
