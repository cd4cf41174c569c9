import type { TestCase } from '../data/test-case.js';
import type { Problem } from '../package/problem.js';
import { walkTests } from '../scoring/score.js';
import type { GraderAnswer, GraderCall, GroupOutcome, Walk, WalkResult } from '../scoring/walk.js';
import type { Submission } from '../submissions/submission.js';
import { faultOfSubmission } from './code-limit.js';
import { settles } from './expected.js';
import type { SubmissionOutcome } from './outcome.js';
import type { TestOutcome } from './verdict.js';

/** One submission on its way through the tests of its problem: what is to run next, and what came of it. */
export class Judging {
  private readonly outcomes = new Map<TestCase, TestOutcome>();
  /** What does not compile fails every test in the same way. */
  private compiles = true;
  private readonly fault: string | null;
  private readonly answers = new Map<string, GraderAnswer>();

  constructor(
    readonly problem: Problem,
    readonly submission: Submission,
    private readonly runsAll: boolean,
  ) {
    this.fault = faultOfSubmission(problem, submission);
  }

  /** The next tests without an outcome, `limit` at most; none when the verdict stands. */
  next(limit: number): TestCase[] {
    if (this.fault !== null || !this.compiles) return [];
    const walk = this.walk(limit);
    walkTests(this.problem, walk);
    return walk.pending.slice(0, limit);
  }

  record(test: TestCase, outcome: TestOutcome): void {
    this.outcomes.set(test, outcome);
    if (outcome.verdict === 'CE') this.compiles = false;
  }

  /** What the grader of the package is to be asked next, when no test is left to run. */
  graderCalls(): GraderCall[] {
    if (this.fault !== null || !this.compiles) return [];
    const calls: GraderCall[] = [];
    walkTests(this.problem, {
      ...this.walk(Infinity),
      answerOf: (call) => {
        const answer = this.answers.get(keyOf(call));
        if (answer === undefined) calls.push(call);
        return answer;
      },
    });
    return calls;
  }

  recordAnswer(call: GraderCall, answer: GraderAnswer): void {
    this.answers.set(keyOf(call), answer);
  }

  /** The tests that ran before the verdict stood; later ones may have run beside them. */
  outcome(): SubmissionOutcome {
    const { problem } = this;
    const { best } = problem;
    if (this.fault !== null) return this.faulty(this.fault);
    const visited: TestOutcome[] = [];
    const walk = this.walk(Infinity, visited);
    const result = walkTests(problem, walk);
    const firstFailure = visited.find(({ verdict }) => verdict !== 'AC') ?? null;
    return {
      ...figures(visited),
      verdict: this.compiles ? result.verdict : 'CE',
      total: problem.allTests.length,
      firstFailure,
      fault: result.reason,
      score: result.score,
      maxScore: best.problem,
      groups: this.withBest(result),
      tests: visited,
    };
  }

  private walk(limit: number, visited?: TestOutcome[]): Walk & { pending: TestCase[] } {
    const seen = new Set<TestCase>();
    return {
      outcomeOf: (test) => {
        const outcome = this.outcomes.get(test);
        if (outcome !== undefined && !seen.has(test)) visited?.push(outcome);
        seen.add(test);
        return outcome;
      },
      decides: (outcome) => !this.runsAll && settles(this.submission.expectation, outcome),
      pending: [],
      limit,
      answerOf: (call) => this.answers.get(keyOf(call)),
    };
  }

  private faulty(fault: string): SubmissionOutcome {
    return {
      ...figures([]),
      verdict: 'CE',
      total: this.problem.allTests.length,
      firstFailure: null,
      fault,
      score: this.problem.isScoring && this.problem.objective === 'max' ? 0 : null,
      maxScore: this.problem.best.problem,
      groups: [],
      tests: [],
    };
  }

  private withBest({ groups }: WalkResult): GroupOutcome[] {
    const { best } = this.problem;
    return groups.map((group) => ({ ...group, maxScore: best.groups.get(group.group) ?? group.maxScore }));
  }
}

const keyOf = ({ group, results }: GraderCall): string => `${group}\0${results}`;

function figures(
  tests: readonly TestOutcome[],
): Pick<SubmissionOutcome, 'passed' | 'slowestCpuMs' | 'peakMemoryBytes'> {
  return {
    passed: tests.filter(({ verdict }) => verdict === 'AC').length,
    slowestCpuMs: tests.reduce((most, { cpuMs }) => Math.max(most, cpuMs), 0),
    peakMemoryBytes: tests.reduce((most, { peakMemoryBytes }) => Math.max(most, peakMemoryBytes), 0),
  };
}
