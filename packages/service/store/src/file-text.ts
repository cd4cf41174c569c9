import { readFileSync } from 'node:fs';
import { errorCode } from '@sandpiper/contracts';

/**
 * The text of a file that a variable of the environment names.
 * @throws Error of one line that begins with the variable. The text never stands in it.
 */
export function fileText(variable: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Error(`${variable}: ${path}: ${errorCode(cause) ?? 'cannot be read'}`, { cause });
  }
  if (text.trim() === '') throw new Error(`${variable}: ${path} is empty`);
  return text;
}
