/** Number of runs per round trip, so that no round trip grows with the batch. */
const CHUNK = 250;

export function* chunks<T>(items: readonly T[], size = CHUNK): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}

/** A pipeline reports errors per command; here any error fails the whole. */
export function throwFirstError(replies: [Error | null, unknown][] | null): unknown[] {
  if (replies === null) throw new Error('the pipeline was discarded');
  return replies.map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
}
