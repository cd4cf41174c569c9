import type { TestCase } from '../data/test-case.js';
import type { Problem } from '../package/problem.js';
import { walkTests } from '../scoring/score.js';
import type { GroupOutcome, Walk, WalkResult } from '../scoring/walk.js';
import type { Submission } from '../submissions/submission.js';
import { settles } from './expected.js';
import type { SubmissionOutcome } from './outcome.js';
import type { TestOutcome } from './verdict.js';

/** One submission on its way through the tests of its problem: what is to run next, and what came of it. */
export class Judging {
  private readonly outcomes = new Map<TestCase, TestOutcome>();
  /** What does not compile fails every test in the same way. */
  private compiles = true;

  constructor(
    readonly problem: Problem,
    readonly submission: Submission,
    private readonly runsAll: boolean,
  ) {}

  /** The next tests without an outcome, `limit` at most; none when the verdict stands. */
  next(limit: number): TestCase[] {
    if (this.submission.fault !== null || !this.compiles) return [];
    const walk = this.walk(limit);
    walkTests(this.problem, walk);
    return walk.pending.slice(0, limit);
  }

  record(test: TestCase, outcome: TestOutcome): void {
    this.outcomes.set(test, outcome);
    if (outcome.verdict === 'CE') this.compiles = false;
  }

  /** The tests that ran before the verdict stood; later ones may have run beside them. */
  outcome(): SubmissionOutcome {
    const { problem, submission } = this;
    const { best } = problem;
    if (submission.fault !== null) return this.faulty(submission.fault);
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

function figures(
  tests: readonly TestOutcome[],
): Pick<SubmissionOutcome, 'passed' | 'slowestCpuMs' | 'peakMemoryBytes'> {
  return {
    passed: tests.filter(({ verdict }) => verdict === 'AC').length,
    slowestCpuMs: tests.reduce((most, { cpuMs }) => Math.max(most, cpuMs), 0),
    peakMemoryBytes: tests.reduce((most, { peakMemoryBytes }) => Math.max(most, peakMemoryBytes), 0),
  };
}
