import type { SubmittedProgram } from './submitted-program.js';

export interface Submission {
  /** The name of the file or folder where it is unique, else its path. */
  readonly label: string;
  readonly path: string;
  /** null: it cannot run, and `fault` says why. */
  readonly program: SubmittedProgram | null;
  /** Why nothing of it can run: one student's fault is a row of the table, never the end of the class. */
  readonly fault: string | null;
  /** What the package says of it; null for what students hand in. */
  readonly expectation: ExpectedOutcome | null;
}

/** Verdicts as the format has them: what is no wrong answer and not too slow is a run-time error. */
export const FORMAT_VERDICTS = ['AC', 'WA', 'TLE', 'RTE'] as const;
export type FormatVerdict = (typeof FORMAT_VERDICTS)[number];

/** Every test must have a verdict that is permitted, and one of them a verdict that is required. */
export interface TestsExpectation {
  /** Patterns of tests or groups below `data`; null: all tests. */
  readonly tests: string | null;
  readonly permitted: ReadonlySet<FormatVerdict>;
  readonly required: ReadonlySet<FormatVerdict>;
  /** What the judgemessage.txt of one of them must contain; null: nothing. */
  readonly message: string | null;
}

export interface ExpectedOutcome {
  /** For the table: `accepted`, `AC or TLE`. */
  readonly text: string;
  readonly rules: readonly TestsExpectation[];
  /** The score of the submission, inclusive; null: not said. */
  readonly score: readonly [number, number] | null;
  /** `partially_accepted`: accepted with less than the best score. */
  readonly isPartial: boolean;
}
