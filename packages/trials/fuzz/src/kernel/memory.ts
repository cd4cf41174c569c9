import { Errno } from '@sandpiper/abi';
import { BufferMemory, type GuestMemory } from '@sandpiper/kernel';
import type { Source } from '../source.js';

const { BASE } = BufferMemory;
const BYTES = 256 * 1024;
const MMAP = 9;

/** A lying guest's memory: blocks and mappings are wherever it says. */
export class HostileMemory extends BufferMemory implements GuestMemory {
  /** Addresses that calls have returned: of mappings, of streams of folders. */
  readonly seen: number[] = [];

  constructor(private readonly source: Source) {
    super(BYTES);
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
    let at = this.room(data.length);
    if (at < 0) {
      this.reuse();
      at = this.room(data.length);
    }
    // Throws for what can never have room: the kernel places nothing as large.
    this.bytes.set(data, at - BASE);
    return at;
  }
}
