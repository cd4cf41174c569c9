import type { RunResult } from '@sandpiper/contracts';
import type { OutputJudgement, TestVisibility } from '../judge/verdict.js';
import type { ProblemLimits } from '../package/limits.js';

/** What a test of a course has beyond one of a package: points of its own, and rules by which its run is judged. */
export interface CourseTest {
  readonly points: number;
  readonly visibility: TestVisibility;
  /** A number for people, such as `1.2`; null without one. */
  readonly number: string | null;
  /** Limits that differ from those of the problem. */
  readonly limits: Partial<ProblemLimits>;
  /** The file that starts instead of the entry of the program; null: the entry does. */
  readonly entry: string | null;
  /** All that `judge` goes by, as data: with it, an earlier outcome still holds. */
  readonly criteria: unknown;
  /** Judges a run that ended well; `score` of the judgement is in points. */
  readonly judge: (result: RunResult) => Promise<OutputJudgement>;
  /** Points of a run that failed, for what it printed before; absent: none. */
  readonly pointsOfFailed?: (result: RunResult) => Promise<number>;
}
