import type { GroupOutcome } from '../scoring/walk.js';
import type { TestOutcome, Verdict } from './verdict.js';

export interface SubmissionOutcome {
  readonly verdict: Verdict;
  readonly passed: number;
  readonly total: number;
  readonly slowestCpuMs: number;
  readonly peakMemoryBytes: number;
  /** The first failing test. */
  readonly firstFailure: TestOutcome | null;
  /** Why it could not run, or why its points cannot be right; null otherwise. */
  readonly fault: string | null;
  /** null for problems without points. */
  readonly score: number | null;
  readonly maxScore: number | null;
  readonly groups: readonly GroupOutcome[];
  /** Those that ran, in order: without `--all` judging stops at the first failure that decides. */
  readonly tests: readonly TestOutcome[];
}
