/** xorshift128 (Marsaglia, 2003): small, and the same numbers from the same seed everywhere. */
export class Random {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    // Weyl sequence: no seed may leave all words zero
    for (let i = 0; i < 4; i++) this.#state[i] = Math.imul(seed + i + 1, 0x9e3779b9) ^ (i + 1);
    for (let i = 0; i < 20; i++) this.next();
  }

  /** 32 bits. */
  next(): number {
    const s = this.#state;
    let t = s[3] as number;
    const first = s[0] as number;
    s[3] = s[2] as number;
    s[2] = s[1] as number;
    s[1] = first;
    t ^= t << 11;
    t ^= t >>> 8;
    s[0] = t ^ first ^ (first >>> 19);
    return s[0];
  }

  below(count: number): number {
    return this.next() % count;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.next() & 0xff);
  }
}
