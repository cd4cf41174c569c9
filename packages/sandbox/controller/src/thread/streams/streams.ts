import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { errorCode } from '@sandpiper/contracts';
import { Errno, SyscallError } from '@sandpiper/abi';
import type { InputStream, OutputStream } from '@sandpiper/kernel';

/** Milliseconds between two polls of a descriptor that is not ready. */
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
 * Standard input of this process, read when the guest reads. It is reopened in non-blocking mode where the
 * kernel allows that, so that the thread does not keep waiting for a key after the guest was killed.
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
        if (errorCode(error) === 'EOF') return bytes.subarray(0, 0);
        if (errorCode(error) !== 'EAGAIN') throw error;
      }
      if (this.shouldStop()) return null;
      pause(POLL_MS);
    }
  }

  close(): void {
    if (this.#owned) closeSync(this.#fd);
  }
}

/** Initial size of the collection buffer, bytes. */
const FIRST_PIECE = 4096;
const MAX_PIECE = 1024 * 1024;

/**
 * Collects output; the virtual kernel has cut it to the output limit already. Buffers grow, and are our own:
 * output that comes byte by byte costs no more than any other.
 */
export class CaptureOutput implements OutputStream {
  readonly #full: Buffer[] = [];
  #piece = Buffer.alloc(0);
  #used = 0;

  write(data: Buffer): number {
    for (let at = 0; at < data.length; ) {
      if (this.#used === this.#piece.length) this.#begin();
      const n = data.copy(this.#piece, this.#used, at);
      this.#used += n;
      at += n;
    }
    return data.length;
  }

  bytes(): Buffer {
    return Buffer.concat([...this.#full, this.#piece.subarray(0, this.#used)]);
  }

  /** As {@link bytes}, once: releases the buffers. */
  take(): Buffer {
    const all = this.bytes();
    this.#full.length = 0;
    this.#piece = Buffer.alloc(0);
    this.#used = 0;
    return all;
  }

  #begin(): void {
    if (this.#used > 0) this.#full.push(this.#piece);
    const size = Math.min(MAX_PIECE, Math.max(FIRST_PIECE, 2 * this.#piece.length));
    this.#piece = Buffer.allocUnsafeSlow(size);
    this.#used = 0;
  }
}

/** Writes through to a descriptor of this process. The guest sees errors such as EPIPE and ENOSPC. */
export class DescriptorOutput implements OutputStream {
  constructor(private readonly fd: number) {}

  write(data: Buffer): number {
    for (;;) {
      try {
        return writeSync(this.fd, data);
      } catch (error) {
        const code = errorCode(error);
        if (code !== 'EAGAIN') throw new SyscallError(errnoOf(code));
        pause(POLL_MS);
      }
    }
  }
}

function errnoOf(code: string | undefined): Errno {
  return code === 'EPIPE' || code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
    ? Errno[code]
    : Errno.EIO;
}
