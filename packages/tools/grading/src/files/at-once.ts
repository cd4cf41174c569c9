/** Calls `work` for each item, `limit` at a time, and returns the results in order; throws the first failure. */
export async function mapAtOnce<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const rest = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of rest) results[index] = await work(item);
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, lane));
  throwFirstFailure(lanes);
  return results;
}

/** {@link mapAtOnce} for items that come one by one, and nothing to return: takes the next when `work` has room for it. */
export async function eachAtOnce<T>(
  items: AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.asyncIterator]();
  const lane = async (): Promise<void> => {
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) await work(next.value);
  };
  throwFirstFailure(await Promise.allSettled(Array.from({ length: limit }, lane)));
}

function throwFirstFailure(lanes: readonly PromiseSettledResult<void>[]): void {
  for (const ended of lanes) if (ended.status === 'rejected') throw ended.reason;
}
