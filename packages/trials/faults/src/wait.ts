export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A random number from `least` to `most`. */
export const between = (least: number, most: number): number => least + Math.random() * (most - least);

/**
 * Polls until there is a result.
 * @param look returns undefined, null or false for "not yet"; an exception counts as that too.
 * @param ms deadline in milliseconds; the failure names `what`
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
