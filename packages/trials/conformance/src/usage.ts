import { type ParseArgsConfig, parseArgs } from 'node:util';

/** What the caller of a command did wrong; exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Options = NonNullable<ParseArgsConfig['options']>;
type Parsed<T extends Options> = ReturnType<typeof parseArgs<{ allowPositionals: true; options: T }>>;

/**
 * The options and the other words of a command.
 * @throws UsageError naming the first odd one
 */
export function parseWords<T extends Options>(args: readonly string[], options: T): Parsed<T> {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError((error as Error).message.split('\n')[0] ?? 'bad usage');
  }
}

/**
 * The value of an option that takes a whole number, from 1 to most; null where it was not given.
 * @throws UsageError
 */
export function countOption(option: string, text: string | undefined, most: number): number | null {
  if (text === undefined) return null;
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > most) {
    throw new UsageError(`${option} takes a whole number from 1 to ${most}`);
  }
  return number;
}

/**
 * What work returns.
 * @throws UsageError with the option's name, where the file that it names cannot be used
 */
export function forOption<T>(option: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
}
