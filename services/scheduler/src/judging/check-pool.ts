import { fileURLToPath } from 'node:url';
import { errorCode, type ProblemFacts } from '@sandpiper/contracts';
import { Piscina } from 'piscina';
import { ApiProblem } from '../problems.js';
import type { PackageBounds } from './check-package.js';
import type { CheckAnswer, PackageCheckTask } from './check-thread.js';

/** Packages that are checked at once; the others wait. */
const THREADS = 1;
/** An idle thread ends after this time, milliseconds. */
const IDLE_MS = 10_000;
/** Heap of a thread, MiB: settings are small, and tests are not read. */
const HEAP_MIB = 512;
/** A package that takes longer is refused, milliseconds. */
const CHECK_MS = 60_000;
/** The same where its validators are compiled. */
const COMPILING_CHECK_MS = 360_000;

/** Tests run the sources, but the thread needs the built file. */
const THREAD_FILE = fileURLToPath(new URL('../../dist/judging/check-thread.js', import.meta.url));

/** The fault of this host: the same package may be taken later. */
export const noRoomOnDisk = (): ApiProblem =>
  new ApiProblem('queue-bytes-full', 'there is no room for another package on the disk; try again later', {
    retryAfterSeconds: 10,
  });

/** Unpacks and reads packages off the event loop. */
export class CheckPool {
  private readonly pool = new Piscina({
    filename: THREAD_FILE,
    minThreads: 0,
    maxThreads: THREADS,
    idleTimeout: IDLE_MS,
    atomics: 'disabled',
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
  });

  constructor(
    private readonly bounds: PackageBounds,
    private readonly folder: string,
  ) {
    // The waiting call gets the error of a thread that has ended.
    this.pool.on('error', () => undefined);
  }

  /** @throws ApiProblem that says what is wrong with the package */
  async check(file: string, id: string): Promise<ProblemFacts> {
    const task: PackageCheckTask = { file, id, bounds: this.bounds, folder: this.folder };
    const answer = await this.run(task);
    if ('noRoom' in answer) throw noRoomOnDisk();
    if ('fault' in answer) throw new ApiProblem('invalid-package', answer.fault);
    return answer.facts;
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }

  private async run(task: PackageCheckTask): Promise<CheckAnswer> {
    const stop = new AbortController();
    const patienceMs = this.bounds.mayCompile ? COMPILING_CHECK_MS : CHECK_MS;
    const late = setTimeout(() => stop.abort(), patienceMs);
    try {
      return (await this.pool.run(task, { signal: stop.signal })) as CheckAnswer;
    } catch (error) {
      if (stop.signal.aborted) {
        throw new ApiProblem('invalid-package', `reading the package takes more than ${patienceMs / 1000} s`);
      }
      if (errorCode(error) !== 'ERR_WORKER_OUT_OF_MEMORY') throw error;
      throw new ApiProblem(
        'invalid-package',
        'reading the package takes more memory than the service allows',
      );
    } finally {
      clearTimeout(late);
    }
  }
}
