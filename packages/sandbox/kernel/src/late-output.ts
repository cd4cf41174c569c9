/** Successive writes to one descriptor, together. */
export interface LateWrites {
  readonly fd: number;
  readonly data: Buffer;
  /** How many calls they were. */
  readonly calls: number;
  /** When the last was made, on the monotonic clock, by the guest's word; null for a stream. */
  readonly atNs: bigint | null;
}

/** `struct late_head` of the shim: descriptor and size, 16 bits each. */
const HEAD_BYTES = 4;
/** Behind the head, for a file. */
const TIME_BYTES = 8;

/** Standard output and error, whose frames have no time. */
export const isStream = (fd: number): boolean => fd === 1 || fd === 2;

/**
 * The frames of late output (native/shim/late.c of the guest package); null where they are none. A program that flushes
 * each line makes a frame of a few bytes for each, so they are put together here and not by the streams.
 */
export function lateWrites(frames: Buffer): LateWrites[] | null {
  const found: LateWrites[] = [];
  const data = Buffer.allocUnsafe(frames.length);
  let used = 0;
  for (let at = 0; at < frames.length; ) {
    const begin = used;
    const fd = wordAt(frames, at);
    const before = HEAD_BYTES + (isStream(fd) ? 0 : TIME_BYTES);
    let calls = 0;
    let last = at;
    for (; at < frames.length && wordAt(frames, at) === fd; calls++) {
      const size = wordAt(frames, at + 2);
      const end = at + before + size;
      // A frame that is cut off ends behind the frames too.
      if (size === 0 || end > frames.length) return null;
      for (let from = at + before; from < end; ) data[used++] = frames[from++] as number;
      last = at;
      at = end;
    }
    const atNs = isStream(fd) ? null : frames.readBigInt64LE(last + HEAD_BYTES);
    found.push({ fd, data: data.subarray(begin, used), calls, atNs });
  }
  return found;
}

const wordAt = (frames: Buffer, at: number): number => (frames[at] ?? 0) + 256 * (frames[at + 1] ?? 0);
