/** What of the host's files stays in the memory of this process across runs; bytes. */
const PROCESS_BYTES = 128 * 1024 * 1024;
/** Files are fetched and kept in pieces: whoever reads a byte of a large one does not have all of it read. Bytes. */
export const PIECE_BYTES = 128 * 1024;
/** What a piece takes beside its bytes: many files of a few bytes each are kept, too. */
const PIECE_COST = 512;

/**
 * Pieces of files, those that came first going first. Each thread has one of its own, and all of a process share what it may
 * hold: see {@link shareHostCache}.
 */
export class PieceCache {
  readonly #pieces = new Map<string, Buffer>();
  #held = 0;

  constructor(private most: number) {}

  /** Together with what they cost, bytes. */
  get held(): number {
    return this.#held;
  }

  get(key: string): Buffer | undefined {
    return this.#pieces.get(key);
  }

  /** Nothing that would throw out most of what is kept. */
  takes(bytes: number): boolean {
    return bytes <= this.most / 4;
  }

  add(key: string, piece: Buffer): void {
    const cost = costOf(key, piece);
    if (!this.takes(cost)) return;
    this.#pieces.set(key, piece);
    this.#held += cost;
    this.#makeRoom();
  }

  resize(most: number): void {
    this.most = most;
    this.#makeRoom();
  }

  #makeRoom(): void {
    for (const [key, piece] of this.#pieces) {
      if (this.#held <= this.most) return;
      this.#pieces.delete(key);
      this.#held -= costOf(key, piece);
    }
  }
}

const costOf = (key: string, piece: Buffer): number => PIECE_COST + key.length + piece.length;

export const hostCache = new PieceCache(PROCESS_BYTES);

/** So many threads of this process keep files of the host: together they hold no more than one that is alone. */
export function shareHostCache(threads: number): void {
  hostCache.resize(Math.floor(PROCESS_BYTES / Math.max(1, threads)));
}
