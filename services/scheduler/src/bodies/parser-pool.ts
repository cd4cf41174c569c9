import { fileURLToPath } from 'node:url';
import { errorCode } from '@sandpiper/contracts';
import { Piscina } from 'piscina';
import { ApiProblem } from '../problems.js';
import type { ParseAnswer, ParseTask } from './parse-task.js';
import type { LimitCeilings, PreparedBatch, PreparedRun, PreparedSubmission } from './prepared.js';

/** Bodies from this size on, bytes, are parsed in threads, to keep the event loop responsive. */
export const THREAD_BYTES = 256 * 1024;

/** More threads would compete with the event loop and Redis for CPUs. */
const THREADS = 2;

/** An idle thread ends after this time and frees its memory, milliseconds. */
const IDLE_MS = 10_000;

/**
 * Heap of a thread for the texts and values of one body, MiB; beyond it the thread ends, and the body is
 * refused.
 */
const THREAD_HEAP_MIB = 1024;

/** Tests run the sources, but the thread needs the built file. */
const THREAD_FILE = fileURLToPath(new URL('../../dist/bodies/parse-thread.js', import.meta.url));

/** Parses, checks and serialises large bodies off the event loop. */
export class ParserPool {
  private readonly pool = new Piscina({
    filename: THREAD_FILE,
    minThreads: 0,
    maxThreads: THREADS,
    idleTimeout: IDLE_MS,
    atomics: 'disabled',
    resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MIB },
  });

  constructor(private readonly ceilings: LimitCeilings) {
    // The waiting call gets the error of a thread that has ended.
    this.pool.on('error', () => undefined);
  }

  async run(bytes: Buffer): Promise<PreparedRun> {
    return only(await this.runs('run', bytes, 0));
  }

  async submission(bytes: Buffer): Promise<PreparedSubmission> {
    const answer = await this.parse('submission', bytes, 0);
    if ('submission' in answer) return answer.submission;
    throw new Error('the parser thread returned no submission');
  }

  batch(bytes: Buffer): Promise<PreparedBatch> {
    return this.runs('batch', bytes, 0);
  }

  /** @param index index of the run in its batch */
  async line(bytes: Buffer, index: number): Promise<PreparedRun> {
    return only(await this.runs('line', bytes, index));
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }

  private async runs(kind: ParseTask['kind'], bytes: Buffer, index: number): Promise<PreparedBatch> {
    const answer = await this.parse(kind, bytes, index);
    if ('runs' in answer) return unpacked(answer);
    throw new Error('the parser thread returned no runs');
  }

  /** @param bytes in their own buffer, which is transferred and unusable afterwards; @throws ApiProblem */
  private async parse(kind: ParseTask['kind'], bytes: Buffer, index: number): Promise<ParseAnswer> {
    const task: ParseTask = { kind, bytes, ceilings: this.ceilings, index };
    let answer: ParseAnswer;
    try {
      const transferList = [bytes.buffer as ArrayBuffer];
      answer = (await this.pool.run(task, { transferList })) as ParseAnswer;
    } catch (error) {
      if (errorCode(error) !== 'ERR_WORKER_OUT_OF_MEMORY') throw error;
      throw new ApiProblem('body-too-large', 'the body needs more memory than the server allows for one');
    }
    if ('problem' in answer) {
      const { code, message, path } = answer.problem;
      throw new ApiProblem(code, message, path === undefined ? {} : { path });
    }
    return answer;
  }
}

function unpacked({
  runs,
  text,
  name,
  idempotencyKey,
}: Extract<ParseAnswer, { runs: unknown }>): PreparedBatch {
  let at = 0;
  const unpackedRuns = runs.map(({ length, ...run }) => {
    const json = Buffer.from(text.buffer, text.byteOffset + at, length);
    at += length;
    return { ...run, json };
  });
  return { runs: unpackedRuns, name, idempotencyKey };
}

function only({ runs: [run] }: PreparedBatch): PreparedRun {
  if (run === undefined) throw new Error('the parser thread returned no run');
  return run;
}
