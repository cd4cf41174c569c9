import type { CourseTest } from '../courses/course-test.js';
import type { Content } from '../files/content.js';
import type { CheckerOptions } from '../validators/flags.js';

/** A file that lies beside the program in the run of one test. */
export interface TestFile {
  readonly name: string;
  readonly content: Content;
}

/** Flags for the input validators as a file gives them; they are looked at when the validators run. */
export interface GivenInputFlags {
  readonly value: unknown;
  /** The file that gave them, for errors. */
  readonly from: string;
}

/** One test of a problem. Names are `sample/1` or `secret/group/03`. */
export interface TestCase {
  readonly name: string;
  readonly input: Content;
  readonly answer: Content;
  /** Command-line arguments of the program. */
  readonly args: readonly string[];
  readonly files: readonly TestFile[];
  /** Flags for the output validator, those of the problem first. */
  readonly validatorFlags: readonly string[];
  readonly inputFlags?: GivenInputFlags;
  readonly checker: CheckerOptions;
  /** Absent in packages of the format. */
  readonly course?: CourseTest;
}

export interface TestGroup {
  /** `data`, `data/secret`: as the folder lies in the package. */
  readonly name: string;
  readonly items: readonly (TestCase | TestGroup)[];
  readonly rules: GroupRules;
}

/** How the results of a group become one result; of the legacy format, of 2025-09, and of courses. */
type GroupRules = LegacyRules | ModernRules | PointsRules;

export const VERDICT_MODES = ['worst_error', 'first_error', 'always_accept'] as const;
export const SCORE_MODES = ['sum', 'avg', 'min', 'max'] as const;

export interface LegacyRules {
  readonly kind: 'legacy';
  readonly breaksOnReject: boolean;
  readonly verdictMode: (typeof VERDICT_MODES)[number];
  readonly scoreMode: (typeof SCORE_MODES)[number];
  readonly ignoresSample: boolean;
  readonly acceptsIfAny: boolean;
  readonly acceptScore: number;
  readonly rejectScore: number;
  readonly range: readonly [number, number];
  /** Flags for the grader of the package, where it says what the results of the group become. */
  readonly graderFlags?: readonly string[];
}

export interface ModernRules {
  readonly kind: 'modern';
  /** null: unbounded. */
  readonly maxScore: number | null;
  readonly aggregation: 'pass-fail' | 'sum' | 'min';
  /** Names as {@link TestGroup.name}. */
  readonly requirePass: readonly string[];
}

/** Each test has points of its own. */
export interface PointsRules {
  readonly kind: 'points';
  /** `min`: a batch, which has the points of the least of its tests and ends at the first failure. */
  readonly aggregation: 'sum' | 'min';
  /** Names as {@link TestGroup.name}; without them the group is not run. */
  readonly requires: readonly string[];
  /** Of the whole problem: a test without points must pass, or no later one is run. */
  readonly endsAtFreeFailure?: boolean;
}

export const isGroup = (item: TestCase | TestGroup): item is TestGroup => 'items' in item;

/** All tests below a group, in the order of judging. */
export function testsOf(group: TestGroup): TestCase[] {
  const tests: TestCase[] = [];
  const walk = ({ items }: TestGroup): void => {
    for (const item of items) {
      if (isGroup(item)) walk(item);
      else tests.push(item);
    }
  };
  walk(group);
  return tests;
}
