import { clashOf, wordsFault } from '@sandpiper/contracts';
import { RunRefusedError } from './enforceable.js';
import { argvOf, type GuestJob } from './job.js';

/**
 * What a request of the API cannot ask for, its schema being before it, and what a job that was put together by hand may:
 * words that no program can be started with, files that cannot be beside each other. Another attempt would meet them too.
 *
 * @throws RunRefusedError
 */
export function assertSound(job: GuestJob): void {
  const words = wordsFault(job.args, job.env);
  if (words !== null) throw new RunRefusedError(`${words.path.join('.')}: ${words.message}`);
  // A word with one would be two for the keeper.
  if ([...argvOf(job), ...Object.entries(job.env).flat()].some((word) => word.includes('\0'))) {
    throw new RunRefusedError('an argument or a variable holds a NUL');
  }
  const clash = clashOf(job.files.map(({ path }) => path));
  if (clash !== null) throw new RunRefusedError(`${job.files[clash.index]?.path}: ${clash.message}`);
}
