import type { LivePiece, LiveStream } from '@sandpiper/store';

/** Pieces per entry. Above this number the backlog no longer keeps the order between the two streams. */
const MAX_PIECES = 1000;

interface Stretch {
  readonly stream: LiveStream;
  buffer: Buffer;
  length: number;
}

/**
 * Output that waits to be sent, in writing order. It is bounded by twice the output limit of the run. It does
 * not hold an object per write, because a program can write millions of single bytes to both streams in turn.
 */
export class OutputBacklog {
  private stretches: Stretch[] = [];
  private waiting = 0;
  /** True when only one stretch per stream is kept, until the backlog is empty. */
  private isSorted = false;

  /** Waiting bytes. */
  get bytes(): number {
    return this.waiting;
  }

  add(stream: LiveStream, data: Uint8Array): void {
    if (data.length === 0) return;
    append(this.stretchOf(stream), data);
    this.waiting += data.length;
  }

  /** The first waiting bytes, up to a maximum. */
  take(most: number): LivePiece[] {
    const pieces: LivePiece[] = [];
    let left = most;
    while (left > 0) {
      const first = this.stretches[0];
      if (first === undefined) break;
      const data = first.buffer.subarray(0, Math.min(first.length, left));
      pieces.push({ stream: first.stream, data });
      left -= data.length;
      if (data.length === first.length) this.stretches.shift();
      else {
        first.buffer = first.buffer.subarray(data.length);
        first.length -= data.length;
      }
    }
    if (this.stretches.length === 0) this.isSorted = false;
    this.waiting -= most - left;
    return pieces;
  }

  /** The stretch to append to. */
  private stretchOf(stream: LiveStream): Stretch {
    const last = this.stretches.at(-1);
    if (last?.stream === stream) return last;
    if (this.stretches.length >= MAX_PIECES) this.sort();
    const earlier = this.isSorted ? this.stretches.find((stretch) => stretch.stream === stream) : undefined;
    if (earlier !== undefined) return earlier;
    const stretch = { stream, buffer: Buffer.allocUnsafe(64), length: 0 };
    this.stretches.push(stretch);
    return stretch;
  }

  private sort(): void {
    const sorted = (['stdout', 'stderr'] as const).map((stream) => {
      const parts = this.stretches.filter((stretch) => stretch.stream === stream);
      const buffer = Buffer.concat(parts.map((part) => part.buffer.subarray(0, part.length)));
      return { stream, buffer, length: buffer.length };
    });
    this.stretches = sorted;
    this.isSorted = true;
  }
}

function append(stretch: Stretch, data: Uint8Array): void {
  const needed = stretch.length + data.length;
  if (needed > stretch.buffer.length) {
    const grown = Buffer.allocUnsafe(Math.max(needed, 2 * stretch.length));
    stretch.buffer.copy(grown, 0, 0, stretch.length);
    stretch.buffer = grown;
  }
  stretch.buffer.set(data, stretch.length);
  stretch.length += data.length;
}
