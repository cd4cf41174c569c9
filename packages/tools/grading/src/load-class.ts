import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isArchive } from './files/archive.js';
import { assertFolder, isFile, isFolder, readBounded } from './files/bounded.js';
import { InputError } from './files/errors.js';
import { parseJson } from './files/json.js';
import { compareNames, isIgnoredName } from './files/names.js';
import { VERDICTS } from './judge/verdict.js';
import { type LoadProblemOptions, loadProblem, type Problem, WITHOUT_COMPILER } from './package/problem.js';
import { loadOne, loadSubmissions } from './submissions/load.js';
import type { Submission } from './submissions/submission.js';

/** A problem and its submissions. */
export interface GradingJob {
  readonly problem: Problem;
  readonly submissions: readonly Submission[];
  /** Files that were handed in and are no submissions. */
  readonly ignored: readonly string[];
}

/** Problem name in the class -> submission label -> verdict. */
export type ExpectedVerdicts = ReadonlyMap<string, ReadonlyMap<string, string>>;

const expectedSchema = z.record(z.string(), z.record(z.string(), z.enum(VERDICTS)));
const MAX_EXPECTED_BYTES = 16 * 1024 * 1024;

export interface ClassJobs {
  readonly jobs: readonly GradingJob[];
  readonly expected: ExpectedVerdicts;
  /** What lies among the problems and is none. */
  readonly ignored: readonly string[];
}

/**
 * Reads a class: `problems/NAME`, and what was handed in as `submissions/NAME/STUDENT` or as `students/STUDENT/NAME`;
 * an optional `expected.json`. With neither, each problem has the submissions of its package. Returns null when the folder has another layout.
 */
export async function loadClass(
  path: string,
  options: LoadProblemOptions = WITHOUT_COMPILER,
): Promise<ClassJobs | null> {
  if (isArchive(path) && (await isFile(path))) return null;
  await assertFolder(path, 'problem folder');
  const folder = join(path, 'problems');
  if (!(await isFolder(folder))) return null;
  const { problems, ignored } = await problemsIn(folder);
  if (problems.length === 0) throw new InputError(`${folder}: contains no problem`);
  const students = await studentsIn(join(path, 'students'));
  const isContest = students === null && !(await isFolder(join(path, 'submissions')));
  const jobs: GradingJob[] = [];
  for (const { name, file } of problems) {
    const problem = await loadProblem(file, options);
    if (isContest) {
      jobs.push({ problem, submissions: problem.examples, ignored: [] });
      continue;
    }
    jobs.push(
      students === null
        ? await handedInFor(problem, join(path, 'submissions', name))
        : await fromStudents(problem, join(path, 'students'), students, name),
    );
  }
  if (jobs.every(({ submissions }) => submissions.length === 0)) {
    throw new InputError(
      `${path}: contains no submission (submissions/PROBLEM/STUDENT or students/STUDENT/PROBLEM)`,
    );
  }
  return { jobs, expected: await loadExpected(join(path, 'expected.json')), ignored };
}

async function problemsIn(
  folder: string,
): Promise<{ problems: { name: string; file: string }[]; ignored: string[] }> {
  const problems: { name: string; file: string }[] = [];
  const ignored: string[] = [];
  for (const name of (await readdir(folder)).filter((one) => !isIgnoredName(one)).sort(compareNames)) {
    const file = join(folder, name);
    if (isArchive(name) || (await isFolder(file)))
      problems.push({ name: name.replace(/\.(zip|kpp)$/i, ''), file });
    else ignored.push(file);
  }
  return { problems, ignored };
}

/** A problem for which nobody has handed in anything yet has no rows. */
async function handedInFor(problem: Problem, folder: string): Promise<GradingJob> {
  const names = await readdir(folder).catch(() => []);
  if (names.every(isIgnoredName)) return { problem, submissions: [], ignored: [] };
  return { problem, ...(await loadSubmissions([folder], problem.handIn)) };
}

async function studentsIn(folder: string): Promise<string[] | null> {
  if (!(await isFolder(folder))) return null;
  const names = (await readdir(folder)).filter((name) => !isIgnoredName(name)).sort(compareNames);
  const students: string[] = [];
  for (const name of names) if ((await stat(join(folder, name))).isDirectory()) students.push(name);
  return students;
}

/** Each student has a row for each problem, handed in or not. */
async function fromStudents(
  problem: Problem,
  folder: string,
  students: readonly string[],
  name: string,
): Promise<GradingJob> {
  const submissions: Submission[] = [];
  for (const student of students) {
    const path = join(folder, student);
    const found = await loadOne(path, name, student, problem.handIn);
    submissions.push(
      found ?? { label: student, path, program: null, fault: 'nothing was handed in', expectation: null },
    );
  }
  return { problem, submissions, ignored: [] };
}

async function loadExpected(file: string): Promise<ExpectedVerdicts> {
  if ((await stat(file).catch(() => null)) === null) return new Map();
  const text = (await readBounded(file, MAX_EXPECTED_BYTES)).toString('utf8');
  const parsed = expectedSchema.safeParse(parseJson(text, file));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new InputError(`${file}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is wrong'}`);
  }
  return new Map(
    Object.entries(parsed.data).map(([name, byLabel]) => [name, new Map(Object.entries(byLabel))]),
  );
}
