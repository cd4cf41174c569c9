import { clashOf, wordsFault } from '@sandpiper/contracts';
import { RunRefusedError } from '../crossing/refused.js';
import { argvOf, type GuestJob } from '../crossing/job.js';

/**
 * Checks what the schema of the API rules out for requests, but not for jobs that a caller puts together:
 * words that no program can be started with, and conflicting file paths. Retrying would not help.
 *
 * @throws RunRefusedError
 */
export function assertSound(job: GuestJob): void {
  const words = wordsFault([...(job.instead ?? []), ...job.args], job.env);
  if (words !== null) throw new RunRefusedError(`${words.path.join('.')}: ${words.message}`);
  // The keeper would take a word with a NUL for two.
  if ([...argvOf(job), ...Object.entries(job.env).flat()].some((word) => word.includes('\0'))) {
    throw new RunRefusedError('an argument or a variable holds a NUL');
  }
  const clash = clashOf(job.files.map(({ path }) => path));
  if (clash !== null) throw new RunRefusedError(`${job.files[clash.index]?.path}: ${clash.message}`);
}
