import { z } from 'zod';
import { REQUEST_BOUNDS } from './request-bounds.js';

/** A NUL and a pointer in the vector. */
const WORD_OVERHEAD = 1 + 8;
/**
 * "=", and the prefix that keeps a variable from the dynamic loader
 * (packages/sandbox/guest/native/shim/shim.h).
 */
const VARIABLE_OVERHEAD = 'GUEST_='.length;

/** Checks the sizes of arguments and variables for starting a program; null when they fit. */
export function wordsFault(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): { readonly path: (string | number)[]; readonly message: string } | null {
  const variables = Object.entries(env).map(
    ([name, value]) =>
      [['env', name], Buffer.byteLength(name) + Buffer.byteLength(value) + VARIABLE_OVERHEAD] as const,
  );
  const words = [...args.map((arg, i) => [['args', i], Buffer.byteLength(arg)] as const), ...variables];
  let all = 0;
  for (const [path, bytes] of words) {
    const [what] = path;
    if (bytes > REQUEST_BOUNDS.wordBytes) {
      const most = `at most ${REQUEST_BOUNDS.wordBytes} bytes`;
      const message = what === 'args' ? most : `a variable and its name have ${most}`;
      return { path: [...path], message };
    }
    all += bytes + WORD_OVERHEAD;
    if (all > REQUEST_BOUNDS.wordsBytes) {
      const message = `arguments and variables have at most ${REQUEST_BOUNDS.wordsBytes} bytes together, ${WORD_OVERHEAD} more counted for each`;
      return { path: [what], message };
    }
  }
  return null;
}

/** Text that crosses execve(2) or a path. */
export const noNul = (what: string) =>
  z.string().refine((s) => !s.includes('\0'), `${what} must not hold a NUL`);

export const envSchema = z
  .record(
    z
      .string()
      .min(1)
      .max(256)
      .regex(/^[^=\0]+$/, 'a variable name must not contain "=" or NUL'),
    noNul('a variable').max(REQUEST_BOUNDS.wordBytes),
  )
  .refine((env) => Object.keys(env).length <= REQUEST_BOUNDS.env, `at most ${REQUEST_BOUNDS.env} variables`);

export const argsSchema = z
  .array(noNul('an argument').max(REQUEST_BOUNDS.wordBytes))
  .max(REQUEST_BOUNDS.args);
