/** Runs are read in groups of this many, so that no single round trip grows with the batch. */
const CHUNK = 250;

export function* chunks<T>(items: readonly T[], size = CHUNK): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}

/** A pipeline reports errors per command; none of ours may fail alone. */
export function throwFirstError(replies: [Error | null, unknown][] | null): unknown[] {
  if (replies === null) throw new Error('the pipeline was discarded');
  return replies.map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
}
