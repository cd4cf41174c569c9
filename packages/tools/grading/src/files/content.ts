import { readBounded } from './bounded.js';

/** Bytes that are read when they are needed: a problem may have 100,000 tests. */
export interface Content {
  readonly bytes: number;
  read(): Promise<Buffer>;
}

/** A file whose size was `bytes` when the problem was loaded; it may not grow beyond `maxBytes`. */
export function fileContent(file: string, bytes: number, maxBytes: number): Content {
  return { bytes, read: () => readBounded(file, maxBytes) };
}

export function fixedContent(buffer: Buffer): Content {
  return { bytes: buffer.length, read: () => Promise.resolve(buffer) };
}

/** Bytes that are made again each time, where to keep those of all tests would take too much memory. */
export function lazyContent(make: () => Buffer): Content {
  return { bytes: make().length, read: () => Promise.resolve(make()) };
}
