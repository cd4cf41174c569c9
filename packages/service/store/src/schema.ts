/**
 * The form of what stands in Redis: runs, batches, tenants, keys, jobs, reports of nodes. Raised whenever an
 * older build would misread what a newer one writes, be it a limit that it would not hold. What has no number
 * was written before there was one, and counts as 1. docs/redis.md says in which order to upgrade.
 */
export const SCHEMA = 2;

/**
 * A record that a newer build has written: it is left alone, for to guess at it could undo what it asks for.
 */
export class NewerSchemaError extends Error {
  override readonly name = 'NewerSchemaError';

  constructor(
    readonly what: string,
    readonly schema: number,
  ) {
    super(
      `${what} was stored by a newer version of Sandpiper (schema ${schema}; this process reads up to ${SCHEMA}): ` +
        'upgrade this process',
    );
  }
}

/** @throws NewerSchemaError */
export function assertReadable(what: string, schema: string | number | null | undefined): void {
  const number = Number(schema ?? 1);
  // What is no number at all was not written by us either.
  if (!(number <= SCHEMA)) throw new NewerSchemaError(what, number);
}
