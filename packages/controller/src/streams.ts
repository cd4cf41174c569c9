import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { InputStream, OutputStream } from '@sandpiper/kernel';

/** Milliseconds between two looks at a descriptor that is not ready. */
const POLL_MS = 5;

const never = new Int32Array(new SharedArrayBuffer(4));

function pause(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}

export class BufferInput implements InputStream {
  #at = 0;

  constructor(private readonly data: Buffer) {}

  read(max: number): Buffer {
    const piece = this.data.subarray(this.#at, this.#at + max);
    this.#at += piece.length;
    return piece;
  }
}

/**
 * Standard input of this process, read when the guest reads. It is opened anew without blocking, where the kernel
 * allows that, so that a guest that was killed meanwhile does not leave the thread waiting for a key.
 */
export class DescriptorInput implements InputStream {
  readonly #fd: number;
  readonly #owned: boolean;

  constructor(
    fd: number,
    private readonly shouldStop: () => boolean,
  ) {
    let opened = fd;
    try {
      opened = openSync(`/proc/self/fd/${fd}`, 0o4000 /* O_RDONLY | O_NONBLOCK */);
    } catch {
      // a socket, or no /proc: the descriptor itself, which may block
    }
    this.#fd = opened;
    this.#owned = opened !== fd;
  }

  read(max: number): Buffer | null {
    const bytes = Buffer.allocUnsafe(Math.min(max, 65536));
    for (;;) {
      try {
        return bytes.subarray(0, readSync(this.#fd, bytes, 0, bytes.length, null));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EOF') return bytes.subarray(0, 0);
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      }
      if (this.shouldStop()) return null;
      pause(POLL_MS);
    }
  }

  close(): void {
    if (this.#owned) closeSync(this.#fd);
  }
}

/** Collects; the virtual kernel has cut it to the output limit already. */
export class CaptureOutput implements OutputStream {
  readonly #pieces: Buffer[] = [];

  write(data: Buffer): void {
    // A copy: what comes may be a view of a buffer that is used again.
    this.#pieces.push(Buffer.from(data));
  }

  bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

/** Writes through to a descriptor of this process. A reader that has gone is not an error of the run. */
export class DescriptorOutput implements OutputStream {
  #broken = false;

  constructor(private readonly fd: number) {}

  write(data: Buffer): void {
    for (let at = 0; at < data.length && !this.#broken; ) {
      try {
        at += writeSync(this.fd, data, at);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') pause(POLL_MS);
        else this.#broken = true;
      }
    }
  }
}
