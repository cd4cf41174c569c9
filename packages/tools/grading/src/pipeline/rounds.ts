import { randomUUID } from 'node:crypto';
import { type EndedRun, type RunRequest, type RunResult, toError } from '@sandpiper/contracts';
import { courseOutcome } from '../courses/course-outcome.js';
import type { TestCase } from '../data/test-case.js';
import { eachAtOnce } from '../files/at-once.js';
import type { Judging } from '../judge/judging.js';
import {
  gradeRun,
  needsJudgement,
  type OutputJudgement,
  outputOf,
  type TestOutcome,
  unanswered,
} from '../judge/verdict.js';
import { isUnanswered } from '../submissions/answers.js';
import type { SubmittedProgram } from '../submissions/submitted-program.js';
import type { Comparer } from '../validators/comparer.js';
import { askGrader } from './graders.js';
import { programFor, requestBytes, requestFor } from './request.js';
import type { GradingService } from './service.js';
import { Validation } from './validation.js';

/**
 * Tests of one submission that are sent at once. Few at first: most wrong programs fail early, and what runs after that is
 * wasted.
 */
const FIRST_ROUND = 2;
const MOST_PER_ROUND = 64;
/** Small enough for the body limit of any server and for the memory of both sides. */
const ROUND_BYTES = 4 * 1024 * 1024;
/** Results are taken from the service as they are judged, and dropped then: each may have megabytes. */
const JUDGED_AT_ONCE = 8;

export interface RoundOptions {
  readonly retryUnreliable: number;
  readonly runsAll: boolean;
  readonly signal: AbortSignal;
  readonly onTests: (tests: number) => void;
  /** Called with the run that an outcome follows from, which is dropped after it. */
  readonly onJudged: (test: TestCase, outcome: TestOutcome, result: RunResult) => Promise<void>;
}

/** What came of a test, and the run that it follows from: the last, where there were several. */
interface Judged {
  readonly outcome: TestOutcome;
  readonly result: RunResult;
}

/** Runs one submission on its tests, in rounds, until its verdict stands. */
export async function judgeSubmission(
  service: GradingService,
  judging: Judging,
  comparer: Comparer,
  options: RoundOptions,
): Promise<void> {
  const { problem, submission } = judging;
  if (submission.program === null) return;
  const program = programFor(problem, submission.program);
  for (const test of problem.allTests)
    if (isUnanswered(program, problem.handIn, test.name)) judging.record(test, unanswered(test.name));
  let size = options.runsAll ? MOST_PER_ROUND : FIRST_ROUND;
  for (;;) {
    const tests = withinBytes(program, judging.next(size));
    if (tests.length === 0) {
      if (await askGrader(service, judging, options)) continue;
      return;
    }
    await new Round(service, judging, program, tests, comparer, options).run();
    size = Math.min(MOST_PER_ROUND, 2 * size);
  }
}

/** A test above the bound gets a round to itself. */
function withinBytes(program: SubmittedProgram, tests: readonly TestCase[]): TestCase[] {
  const taken: TestCase[] = [];
  let bytes = 0;
  for (const test of tests) {
    bytes += requestBytes(program, test);
    if (taken.length > 0 && bytes > ROUND_BYTES) break;
    taken.push(test);
  }
  return taken;
}

class Round {
  private readonly files: ReadonlySet<string>;
  private readonly left: Set<TestCase>;
  /** null where the default validator judges. */
  private readonly validation: Validation | null;

  constructor(
    private readonly service: GradingService,
    private readonly judging: Judging,
    private readonly program: SubmittedProgram,
    private readonly tests: readonly TestCase[],
    private readonly comparer: Comparer,
    private readonly options: RoundOptions,
  ) {
    this.files = new Set(program.files.map(({ name }) => name));
    this.left = new Set(tests);
    const { problem } = judging;
    this.validation = problem.own === null ? null : new Validation(service, problem, problem.own, options);
  }

  /** On abort or failure it cancels its batch and rejects. */
  async run(): Promise<void> {
    const { service, options } = this;
    options.signal.throwIfAborted();
    const requests = this.tests.map((test) => this.requestOf(test));
    const runs = await Promise.all(requests);
    const id = await service.submitBatch({ runs, idempotencyKey: randomUUID() });
    try {
      if (await this.follow(id)) return;
    } catch (error) {
      // Report the first error: a server that is unreachable cannot cancel either.
      await service.cancelBatch(id).catch(() => undefined);
      throw error;
    }
    // The verdict stands; what still runs of the round is not looked at.
    await service.cancelBatch(id);
  }

  /** false when the verdict stands before all runs have ended. */
  private async follow(id: string): Promise<boolean> {
    const { signal } = this.options;
    const stop = new AbortController();
    const stopToo = (): void => stop.abort();
    signal.addEventListener('abort', stopToo);
    const failures: Error[] = [];
    try {
      await eachAtOnce(this.ends(id, stop.signal), JUDGED_AT_ONCE, async (ended) => {
        await this.take(ended).catch((error: unknown) => failures.push(toError(error)));
        if (failures.length > 0 || this.judging.next(1).length === 0) stop.abort();
      });
    } finally {
      signal.removeEventListener('abort', stopToo);
    }
    signal.throwIfAborted();
    for (const failure of failures) throw failure;
    if (this.left.size === 0) return true;
    if (stop.signal.aborted) return false;
    throw new Error(`the server reports batch ${id} as done, but not all of its runs`);
  }

  /** The runs of the batch as they end, until the last or until `stop` aborts. */
  private async *ends(id: string, stop: AbortSignal): AsyncGenerator<EndedRun> {
    try {
      yield* this.service.followBatch(id, { signal: stop });
    } catch (error) {
      if (!stop.aborted) throw error;
    }
  }

  private async take({ index, run: { id, result } }: EndedRun): Promise<void> {
    const test = this.tests[index];
    if (test === undefined || !this.left.has(test)) return;
    if (result === null) throw new Error(`the server reports run ${id} as done, but has no result for it`);
    const judged = await this.outcomeOf(result, test);
    this.judging.record(test, judged.outcome);
    await this.options.onJudged(test, judged.outcome, judged.result);
    this.left.delete(test);
    this.options.onTests(1);
  }

  private requestOf(test: TestCase): Promise<RunRequest> {
    if (this.validation !== null) return this.validation.firstRun(this.program, test);
    return requestFor(this.judging.problem, this.program, test, this.options);
  }

  private async outcomeOf(result: RunResult, test: TestCase): Promise<Judged> {
    if (test.course !== undefined)
      return { outcome: await courseOutcome(test.course, test, result, this.files), result };
    const last =
      this.validation === null
        ? { result, judgement: needsJudgement(result) ? await this.judge(result, test) : null }
        : await this.validation.judge(this.program, test, result);
    return { outcome: gradeRun(last.result, test.name, last.judgement, this.files), result: last.result };
  }

  private async judge(result: RunResult, test: TestCase): Promise<OutputJudgement> {
    const output = outputOf(result);
    // A server may keep less output than the limit allows: truncated output cannot be judged right.
    if (output === null) return { verdict: 'WA', reason: 'the output is longer than the server stores' };
    const difference = await this.comparer.compare(output, await test.answer.read(), test.checker);
    return difference === null ? { verdict: 'AC', reason: null } : { verdict: 'WA', reason: difference };
  }
}
