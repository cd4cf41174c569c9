import { type Cipher, createCipheriv, createHash } from 'node:crypto';
import type { Determinism } from '../crossing/job.js';

/** Random bytes determined by a seed: the key stream of AES-256 in counter mode, keyed by the seed's hash. */
export class SeededBytes {
  readonly #stream: Cipher;

  constructor(seed: string) {
    this.#stream = createCipheriv(
      'aes-256-ctr',
      createHash('sha256').update(seed).digest(),
      Buffer.alloc(16),
    );
  }

  take(count: number): Buffer {
    return this.#stream.update(Buffer.alloc(count));
  }
}

/** PYTHONHASHSEED of a deterministic run: 1 to 2^32 - 1, as 0 would turn hash randomization off. */
export function hashSeedOf(determinism: Determinism): string {
  const word = createHash('sha256').update(`hash ${determinism.seed}`).digest().readUInt32LE();
  return String(Math.max(1, word));
}
