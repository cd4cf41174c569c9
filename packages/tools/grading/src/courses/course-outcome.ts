import type { RunResult } from '@sandpiper/contracts';
import type { TestCase } from '../data/test-case.js';
import { gradeRun, needsJudgement, type TestOutcome } from '../judge/verdict.js';
import type { CourseTest } from './course-test.js';

/** Each test starts its own file: one that is no Python fails its test, and no other. */
const withoutCompiling = (course: CourseTest, outcome: TestOutcome): TestOutcome =>
  outcome.verdict === 'CE' && course.entry !== null ? { ...outcome, verdict: 'RTE' } : outcome;

/** The outcome of a run on a test of a course. @param files of the program, as for {@link gradeRun} */
export async function courseOutcome(
  course: CourseTest,
  test: TestCase,
  result: RunResult,
  files: ReadonlySet<string>,
): Promise<TestOutcome> {
  return { ...(await gradedRun(course, test, result, files)), ...marked(course) };
}

const marked = ({
  points,
  visibility,
  number,
}: CourseTest): Pick<TestOutcome, 'maxScore' | 'visibility' | 'number'> => ({
  maxScore: points,
  visibility,
  ...(number === null ? {} : { number }),
});

async function gradedRun(
  course: CourseTest,
  test: TestCase,
  result: RunResult,
  files: ReadonlySet<string>,
): Promise<TestOutcome> {
  if (needsJudgement(result)) return gradeRun(result, test.name, await course.judge(result), files);
  const outcome = withoutCompiling(course, gradeRun(result, test.name, null, files));
  if (outcome.verdict === 'JE' || course.pointsOfFailed === undefined) return outcome;
  return { ...outcome, score: await course.pointsOfFailed(result) };
}
