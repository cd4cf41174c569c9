import { join } from 'node:path';
import type { RunResult } from '@sandpiper/contracts';
import type { TestCase } from '../../data/test-case.js';
import { isFile, readBounded } from '../../files/bounded.js';
import { fixedContent } from '../../files/content.js';
import { InputError } from '../../files/errors.js';
import type { OutputJudgement } from '../../judge/verdict.js';
import { limitsFor, type ProblemLimits } from '../../package/limits.js';
import { DEFAULT_CHECKER } from '../../validators/flags.js';
import { BoundedThread } from '../checks/bounded-thread.js';
import { Checker } from '../checks/checker.js';
import type { CourseSettings } from '../course-yaml.js';
import type { LoadedCourse } from '../loaded-course.js';
import { type ClassroomTest, parseAutograding } from './autograding.js';
import { pythonCommand } from './command.js';

const MAX_JSON_BYTES = 4 * 1024 * 1024;
const MINUTE_MS = 60_000;

/** `.github/classroom/autograding.json`: commands with input, expected output and points. */
export async function loadAutograding(
  folder: string,
  settings: CourseSettings,
): Promise<Omit<LoadedCourse, 'format'> | null> {
  const file = join(folder, '.github', 'classroom', 'autograding.json');
  if (!(await isFile(file))) return null;
  const given = parseAutograding((await readBounded(file, MAX_JSON_BYTES)).toString('utf8'), file);
  const thread = new BoundedThread();
  const names = new Set<string>();
  const tests = given.map((test, n) => {
    const place = `${file}: tests.${n}`;
    if (names.has(test.name))
      throw new InputError(`${place}: name: ${JSON.stringify(test.name)} is given twice`);
    names.add(test.name);
    return caseOf(test, place, thread, settings);
  });
  const files = new Set([...settings.files, ...tests.map(({ course }) => course?.entry ?? '')]);
  return {
    settings,
    tests: { name: 'data', items: tests, rules: { kind: 'points', aggregation: 'sum', requires: [] } },
    handIn: { kind: 'modules', files: [...files] },
    ignored: [],
    warnings: [],
  };
}

function caseOf(
  test: ClassroomTest,
  place: string,
  thread: BoundedThread,
  { limits }: CourseSettings,
): TestCase {
  if (test.setup.trim() !== '') {
    throw new InputError(`${place}: setup: ${JSON.stringify(test.setup.slice(0, 80))} is not done here`);
  }
  const command = pythonCommand(test.run, `${place}: run`);
  const answer = fixedContent(Buffer.from(test.output));
  const points = test.points ?? 0;
  return {
    name: test.name,
    input: fixedContent(Buffer.from(test.input)),
    answer,
    args: command.args,
    files: [],
    validatorFlags: [],
    checker: DEFAULT_CHECKER,
    course: {
      points,
      visibility: 'visible',
      number: null,
      limits: limitsOf(test, limits),
      entry: command.file,
      criteria: { comparison: test.comparison, input: test.input, output: test.output },
      judge: judgeOf(test, points, place, thread),
    },
  };
}

/** The smaller of what the test and `course.yaml` say: minutes are generous for a program that never ends. */
function limitsOf({ timeout }: ClassroomTest, limits: CourseSettings['limits']): Partial<ProblemLimits> {
  const cpuMs = Math.min(limits.timing.cpuMs ?? Infinity, Math.max(1, Math.round(timeout * MINUTE_MS)));
  return limitsFor(limits, cpuMs);
}

function judgeOf(
  { input, output, comparison }: ClassroomTest,
  points: number,
  place: string,
  thread: BoundedThread,
): (result: RunResult) => Promise<OutputJudgement> {
  // Without input and output Classroom looks at the exit code alone.
  if (input === '' && output === '')
    return () => Promise.resolve({ verdict: 'AC', reason: null, score: points });
  if (comparison === 'regex') assertPattern(output, place);
  const check = { format: 'classroom', comparison, expected: output } as const;
  const checker = new Checker(thread, check, fixedContent(Buffer.alloc(0)), points);
  return (result) => checker.judge(result);
}

function assertPattern(pattern: string, place: string): void {
  try {
    // oxlint-disable-next-line no-new -- only whether it is one
    new RegExp(pattern);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InputError(`${place}: output: ${why}`, { cause });
  }
}
