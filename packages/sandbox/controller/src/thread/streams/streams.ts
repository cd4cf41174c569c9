import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { errorCode } from '@sandpiper/contracts';
import { Errno, SyscallError } from '@sandpiper/abi';
import type { GuestInput, InputFile, InputStream, OutputStream, Terminal } from '@sandpiper/kernel';

/** Milliseconds between two polls of a descriptor that is not ready. */
const POLL_MS = 5;

const never = new Int32Array(new SharedArrayBuffer(4));

function pause(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}

/** Input that came with the run. */
export class BufferFile implements InputFile {
  readonly begin = 0;
  readonly #data: Buffer;

  /** @param data is not copied */
  constructor(data: Uint8Array) {
    this.#data = Buffer.from(data.buffer, data.byteOffset, data.length);
  }

  get size(): number {
    return this.#data.length;
  }

  readAt(offset: number, length: number): Buffer {
    return this.#data.subarray(offset, offset + length);
  }
}

/** A file of the host as standard input: read where and when the guest reads it, so its size does not matter. */
class DescriptorFile implements InputFile {
  /** The process that redirected it may have read its beginning. */
  readonly begin: number;

  constructor(private readonly fd: number) {
    this.begin = positionOf(fd);
  }

  get size(): number {
    return fstatSync(this.fd).size;
  }

  readAt(offset: number, length: number): Buffer {
    if (offset > Number.MAX_SAFE_INTEGER - length) return Buffer.alloc(0);
    const bytes = Buffer.allocUnsafe(length);
    let have = 0;
    // To the end, not to the size: files of /proc have none.
    while (have < length) {
      const more = this.#readOnce(bytes, have, offset + have);
      if (more === 0) break;
      have += more;
    }
    return bytes.subarray(0, have);
  }

  #readOnce(bytes: Buffer, from: number, position: number): number {
    try {
      return readSync(this.fd, bytes, from, bytes.length - from, position);
    } catch (error) {
      throw new SyscallError(errorCode(error) === 'EBADF' ? Errno.EBADF : Errno.EIO);
    }
  }
}

/** proc(5), fdinfo. */
function positionOf(fd: number): number {
  try {
    return Number(/^pos:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? 0);
  } catch {
    return 0; // no /proc
  }
}

/** st_rdev of /dev/null: null(4), in the encoding of makedev(3). */
const NULL_DEVICE = 0x103;

/** A descriptor of this process as the guest's standard input: a file is a file, and /dev/null is /dev/null. */
export function inputOf(fd: number, shouldStop: () => boolean, size?: Terminal): GuestInput {
  const found = fstatSync(fd);
  if (found.isFile()) return new DescriptorFile(fd);
  if (found.isCharacterDevice() && found.rdev === NULL_DEVICE) return 'null';
  return new DescriptorInput(fd, shouldStop, terminalOf(fd, size));
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
    readonly terminal?: Terminal,
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

/** Undefined where the descriptor is no terminal. */
const terminalOf = (fd: number, size: Terminal | undefined): Terminal | undefined =>
  size !== undefined && isatty(fd) ? size : undefined;

/** Writes through to a descriptor of this process. The guest sees errors such as EPIPE and ENOSPC. */
export class DescriptorOutput implements OutputStream {
  readonly terminal: Terminal | undefined;

  /** @param size of the terminal of this process, where it has one */
  constructor(
    private readonly fd: number,
    size?: Terminal,
  ) {
    this.terminal = terminalOf(fd, size);
  }

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

/** What is kept of a stream that passes through, bytes: enough for the last line of a traceback. */
const TAIL_BYTES = 4096;

/** As {@link DescriptorOutput}, and remembers the last bytes. */
export class TailedOutput extends DescriptorOutput {
  /** Twice as long as the tail, so that most writes move no byte of it. */
  readonly #kept = Buffer.alloc(2 * TAIL_BYTES);
  #used = 0;

  override write(data: Buffer): number {
    const written = super.write(data);
    const last = data.subarray(Math.max(0, written - TAIL_BYTES), written);
    if (this.#used + last.length > this.#kept.length) {
      this.#kept.copyWithin(0, this.#used - TAIL_BYTES, this.#used);
      this.#used = TAIL_BYTES;
    }
    this.#used += last.copy(this.#kept, this.#used);
    return written;
  }

  tail(): Buffer {
    return Buffer.from(this.#kept.subarray(Math.max(0, this.#used - TAIL_BYTES), this.#used));
  }
}

function errnoOf(code: string | undefined): Errno {
  return code === 'EPIPE' || code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
    ? Errno[code]
    : Errno.EIO;
}
