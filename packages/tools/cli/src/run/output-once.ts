const FIRST_BYTES = 4096;

/**
 * One stream of a run that may restart: output is shown once, as long as the program repeats itself. It keeps
 * all output that was shown, which the run's output limit bounds.
 */
export class OutputOnce {
  #shown = Buffer.alloc(0);
  #length = 0;
  /** How many of those bytes the restarted program has repeated. */
  #again = 0;

  /** The program restarts. */
  restart(): void {
    this.#again = 0;
  }

  /** The part to show, and whether the output differs from the previous attempt. */
  take(data: Buffer): { readonly fresh: Buffer; readonly differs: boolean } {
    const before = this.#shown.subarray(this.#again, Math.min(this.#length, this.#again + data.length));
    const same = commonLength(before, data);
    const differs = same < before.length;
    const fresh = data.subarray(same);
    this.#again += same;
    if (fresh.length > 0) this.#keep(fresh);
    return { fresh, differs };
  }

  #keep(data: Buffer): void {
    const end = this.#again + data.length;
    if (end > this.#shown.length) {
      const larger = Buffer.alloc(Math.max(FIRST_BYTES, 2 * end));
      this.#shown.copy(larger, 0, 0, this.#again);
      this.#shown = larger;
    }
    data.copy(this.#shown, this.#again);
    this.#again = end;
    this.#length = end;
  }
}

/** @param a not longer than b */
function commonLength(a: Buffer, b: Buffer): number {
  if (a.equals(b.subarray(0, a.length))) return a.length;
  return a.findIndex((byte, i) => byte !== b[i]);
}
