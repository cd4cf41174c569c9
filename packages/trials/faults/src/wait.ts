export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** From `least` up to `most`. */
export const between = (least: number, most: number): number => least + Math.random() * (most - least);

/**
 * Looks until there is something to see.
 * @param look answers undefined, null or false for "not yet"; what it throws counts as that too.
 * @param ms milliseconds after which it fails with what was waited for
 */
export async function until<T>(
  what: string,
  ms: number,
  look: () => Promise<T> | T,
  everyMs = 50,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + ms;
  for (;;) {
    let reason = '';
    try {
      const seen = await look();
      if (seen !== undefined && seen !== null && seen !== false) return seen;
    } catch (error) {
      reason = `: ${(error as Error).message}`;
    }
    if (performance.now() > deadline) {
      throw new Error(`${what}: not within ${Math.round(ms / 1000)} s${reason}`);
    }
    await sleep(everyMs);
  }
}
