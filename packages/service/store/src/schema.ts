/**
 * Schema version of the records in Redis: runs, batches, tenants, keys, jobs, reports of nodes. It is raised
 * whenever an older build would misread newer records, for example ignore a limit. Records without a number
 * predate it and count as 1. docs/redis.md gives the order of upgrades.
 */
export const SCHEMA = 4;

/** A record of a newer build is left alone, because misreading it could do harm. */
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
  // A value that is not a number was not written by us.
  if (!(number <= SCHEMA)) throw new NewerSchemaError(what, number);
}
