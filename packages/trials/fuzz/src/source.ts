/** Boundary values, as a guest's register may hold them. */
const EDGES: readonly number[] = [
  0,
  1,
  -1,
  2,
  255,
  256,
  4095,
  4096,
  65535,
  65536,
  2 ** 20,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32 - 1,
  2 ** 32,
  2 ** 44,
  2 ** 47 - 1,
  2 ** 47,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 62,
  2 ** 63,
  -(2 ** 63),
  2 ** 64 - 1,
  2 ** 64,
];

/**
 * The fuzzer's bytes as decisions. When they are used up, every decision is the first choice, and callers
 * that check `empty` end. So each input is one sequence of decisions, mutations of bytes are other decisions,
 * and shrinking works.
 */
export class Source {
  #at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get empty(): boolean {
    return this.#at >= this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.#at++] ?? 0;
  }

  /** 0 .. count-1 */
  below(count: number): number {
    const value = count <= 256 ? this.byte() : this.byte() | (this.byte() << 8);
    return value % count;
  }

  chance(of256: number): boolean {
    return this.byte() >= 256 - of256;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  take(count: number): Buffer {
    const bytes = Buffer.alloc(count);
    for (let i = 0; i < count; i++) bytes[i] = this.byte();
    return bytes;
  }

  number(bytes: number): number {
    let value = 0;
    for (let i = 0; i < bytes; i++) value += this.byte() * 2 ** (8 * i);
    return value;
  }

  /** A 64-bit number as an attacker would choose it. */
  hostile(): number {
    switch (this.below(4)) {
      case 0:
        return this.byte();
      case 1:
        return this.pick(EDGES);
      case 2:
        return this.pick(EDGES) + this.byte() - 128;
      default:
        return (this.chance(128) ? -1 : 1) * this.number(1 + this.below(8));
    }
  }
}
