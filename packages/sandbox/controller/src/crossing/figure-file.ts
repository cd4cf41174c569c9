import { openSync, readSync } from 'node:fs';

/** None is longer: /proc/vmstat is the longest, with some 5 KB. */
const buffer = Buffer.alloc(16_384);

/**
 * A small kernel file that is read with each run. It stays open as long as its thread lives, which makes a
 * read three times cheaper.
 */
export class FigureFile {
  readonly #fd: number;

  /** @throws Error when it does not exist or is not readable */
  constructor(path: string) {
    this.#fd = openSync(path, 'r');
  }

  read(): string {
    return buffer.toString('latin1', 0, readSync(this.#fd, buffer, 0, buffer.length, 0));
  }
}
