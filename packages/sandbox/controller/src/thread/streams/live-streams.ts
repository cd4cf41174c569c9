import { receiveMessageOnPort } from 'node:worker_threads';
import { Errno, SyscallError } from '@sandpiper/abi';
import type { InputStream, OutputStream } from '@sandpiper/kernel';
import { ANSWERS, costOf, IN_FLIGHT, type LivePort, type ToMain, UNREAD } from '../../crossing/live-port.js';
import { CaptureOutput } from './streams.js';

/** Output that may be in flight before the guest waits for its reader, bytes. */
const MAX_IN_FLIGHT = 1024 * 1024;

/** Milliseconds between two checks of whether the guest must stop waiting. */
const SLICE_MS = 10;

export class LiveInputStream implements InputStream {
  #left = Buffer.alloc(0);
  #ended = false;

  constructor(
    private readonly live: LivePort,
    /** A signal is pending for the guest, or the guest must end. */
    private readonly mustStop: () => boolean,
  ) {}

  read(max: number): Buffer | null {
    if (this.#left.length === 0 && !this.#ended && !this.#wait()) return null;
    const piece = this.#left.subarray(0, max);
    this.#left = this.#left.subarray(piece.length);
    return piece;
  }

  closed(): void {
    const { port } = this.live;
    port.postMessage({ kind: 'closed', stream: 'stdin' } satisfies ToMain);
  }

  /** False when a signal came first. */
  #wait(): boolean {
    const { port, words } = this.live;
    port.postMessage({ kind: 'input' } satisfies ToMain);
    for (;;) {
      const seen = Atomics.load(words, ANSWERS);
      const received = receiveMessageOnPort(port);
      if (received !== undefined) {
        const data = received.message as Uint8Array | null;
        if (data === null) this.#ended = true;
        else this.#left = Buffer.from(data);
        if (this.#ended || this.#left.length > 0) return true;
      } else if (this.mustStop()) {
        port.postMessage({ kind: 'interrupted' } satisfies ToMain);
        return false;
      } else {
        Atomics.wait(words, ANSWERS, seen, SLICE_MS);
      }
    }
  }
}

export class LiveOutputStream implements OutputStream {
  constructor(
    private readonly stream: 'stdout' | 'stderr',
    private readonly live: LivePort,
    private readonly mustStop: () => boolean,
  ) {}

  write(data: Buffer): number {
    const { port, words } = this.live;
    // What is read no more is a pipe without a reader: pipe(7).
    if (this.stream === 'stdout' && Atomics.load(words, UNREAD) !== 0) throw new SyscallError(Errno.EPIPE);
    for (let flying = Atomics.load(words, IN_FLIGHT); flying > MAX_IN_FLIGHT; ) {
      if (this.mustStop()) break;
      Atomics.wait(words, IN_FLIGHT, flying, SLICE_MS);
      flying = Atomics.load(words, IN_FLIGHT);
    }
    Atomics.add(words, IN_FLIGHT, costOf(data));
    port.postMessage({ kind: 'output', stream: this.stream, data: Uint8Array.from(data) } satisfies ToMain);
    return data.length;
  }

  closed(): void {
    const { port } = this.live;
    if (this.stream === 'stdout') port.postMessage({ kind: 'closed', stream: 'stdout' } satisfies ToMain);
  }
}

/** Delivered as it comes, and kept for the result. */
export class CapturedLiveOutput extends CaptureOutput {
  constructor(private readonly live: LiveOutputStream) {
    super();
  }

  override write(data: Buffer): number {
    const written = this.live.write(data);
    super.write(data);
    return written;
  }

  closed(): void {
    this.live.closed();
  }
}
