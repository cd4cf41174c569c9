import { readSync, writeSync } from 'node:fs';
import { GuestGoneError } from './errors.js';

/** A blocking pair of pipes. Killing the guest ends a wait. */
export interface Transport {
  /** Waits for bytes and returns how many came, at most `length`; 0 when the guest has closed its end. */
  read(into: Uint8Array, offset: number, length: number): number;
  /** Writes all of it, or throws {@link GuestGoneError}. */
  write(bytes: Uint8Array): void;
}

/** Transport over two descriptors in blocking mode, such as the ends of two FIFOs. */
export class DescriptorTransport implements Transport {
  constructor(
    private readonly input: number,
    private readonly output: number,
  ) {}

  read(into: Uint8Array, offset: number, length: number): number {
    for (;;) {
      try {
        return readSync(this.input, into, offset, length, null);
      } catch (error) {
        if (codeOf(error) !== 'EINTR') throw error;
      }
    }
  }

  write(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      try {
        at += writeSync(this.output, bytes, at, bytes.length - at);
      } catch (error) {
        if (codeOf(error) === 'EPIPE') throw new GuestGoneError();
        if (codeOf(error) !== 'EINTR') throw error;
      }
    }
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
