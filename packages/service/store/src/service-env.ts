import { z } from 'zod';
import { fileText } from './file-text.js';

/** Environment variables shared by schedulers and nodes, besides those of Redis. */

export const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

/** The variable that names a file with the value of a secret. */
export const fileVariable = z.string().min(1, 'must be the path of a file').optional();

/**
 * The environment, with secrets read from files: where NAME_FILE is set, NAME is the text of that file, without a line
 * feed at its end.
 * @throws Error of one line that begins with the variable at fault
 */
export function withSecretFiles(env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  const whole = { ...env };
  for (const name of names) {
    const variable = `${name}_FILE`;
    const path = env[variable];
    if (path === undefined) continue;
    if (env[name] !== undefined) throw new Error(`${variable}: ${name} is set too; give one of them`);
    whole[name] = fileText(variable, path).replace(/\r?\n$/, '');
  }
  return whole;
}

/** @throws Error whose message names every wrong variable, one per line. */
export function readEnvironment<T extends z.ZodType>(schema: T, env: NodeJS.ProcessEnv): z.output<T> {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
}
