import type { TestCase, TestGroup } from '../data/test-case.js';
import type { TestOutcome, Verdict } from '../judge/verdict.js';

/** The result of a group: `null` scores are those of problems without points. */
export interface GroupOutcome {
  readonly group: string;
  /** null: no test of it was run, since a group that it depends on failed or judging had stopped. */
  readonly verdict: Verdict | null;
  readonly score: number | null;
  readonly maxScore: number | null;
}

/** What the grader of a package is asked: one line for each result of a group, a verdict and points. */
export interface GraderCall {
  readonly group: string;
  readonly flags: readonly string[];
  readonly results: string;
}

/** What it answers, or one line that says why it does not. */
export type GraderAnswer = { readonly verdict: Verdict; readonly score: number } | { readonly fault: string };

/** What judging asks of a walk: which tests are still to run, and what follows from those that have run. */
export interface Walk {
  readonly outcomeOf: (test: TestCase) => TestOutcome | undefined;
  /** Whether a failure ends what need not be run. false: all tests run, and the result is the same. */
  readonly decides: (outcome: TestOutcome) => boolean;
  /** Tests without an outcome that are needed if all before them pass, in order; at most `limit` are collected. */
  readonly pending: TestCase[];
  readonly limit: number;
  /** Undefined: it is not known yet, and the walk goes on as the default grader would. */
  readonly answerOf?: (call: GraderCall) => GraderAnswer | undefined;
}

export interface WalkResult {
  readonly verdict: Verdict;
  readonly reason: string | null;
  readonly score: number | null;
  /** Groups below `data`, in order. */
  readonly groups: readonly GroupOutcome[];
}

export const isFull = (walk: Walk): boolean => walk.pending.length >= walk.limit;

/** Points such as a third of 100 do not add up in binary; nobody gives billionths. */
export const rounded = (score: number): number => Math.round(score * 1e9) / 1e9;

export interface ScoringProblem {
  readonly tests: TestGroup;
  readonly isScoring: boolean;
  readonly objective: 'max' | 'min';
}
