import { z } from 'zod';
import { DEFAULT_KEEP_ENDED, DEFAULT_RETENTION_SECONDS } from './store.js';

/** Variables of the environment that scheduler and nodes have in common, besides those of Redis. */

export const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

export const retentionSeconds = integer(1, 366 * 86_400)
  .default(DEFAULT_RETENTION_SECONDS)
  .describe('how long ended runs are kept; the same everywhere');

export const keepEnded = integer(1, 100_000_000)
  .default(DEFAULT_KEEP_ENDED)
  .describe('how many ended runs are kept at most, the oldest leave first; the same everywhere');

/** @throws Error whose message names every variable that is wrong, one per line. */
export function readEnvironment<T extends z.ZodType>(schema: T, env: NodeJS.ProcessEnv): z.output<T> {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
}
