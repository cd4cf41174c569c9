/** How much of the host's files this process keeps in memory across runs, bytes. */
const PROCESS_BYTES = 128 * 1024 * 1024;
/** Files are fetched and kept in pieces: reading one byte of a large file does not read all of it. Bytes. */
export const PIECE_BYTES = 128 * 1024;
/** What a piece costs beside its bytes, so that many files of a few bytes each are bounded too. */
const PIECE_COST = 512;

/**
 * Pieces of files; the oldest are evicted first. Each thread has its own cache, and all caches of a process
 * share one budget: see {@link shareHostCache}.
 */
export class PieceCache {
  readonly #pieces = new Map<string, Buffer>();
  #held = 0;

  constructor(private most: number) {}

  /** Of all kept pieces, with their costs, bytes. */
  get held(): number {
    return this.#held;
  }

  get(key: string): Buffer | undefined {
    return this.#pieces.get(key);
  }

  /** A piece that would evict most of the cache is not kept. */
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

/** Splits the budget: `threads` threads of this process together keep no more than one thread alone would. */
export function shareHostCache(threads: number): void {
  hostCache.resize(Math.floor(PROCESS_BYTES / Math.max(1, threads)));
}
