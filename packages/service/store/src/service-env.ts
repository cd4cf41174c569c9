import { z } from 'zod';

/** Environment variables shared by schedulers and nodes, besides those of Redis. */

export const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

/** @throws Error whose message names every wrong variable, one per line. */
export function readEnvironment<T extends z.ZodType>(schema: T, env: NodeJS.ProcessEnv): z.output<T> {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
}
