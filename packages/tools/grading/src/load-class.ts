import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { InputError } from './errors.js';
import { assertFolder, loadProblem, readBounded, type Problem } from './load-problem.js';
import { loadSubmissions, type Submission } from './load-submissions.js';
import { naturalCompare } from './natural-sort.js';
import { VERDICTS } from './verdict.js';

/** A problem and its submissions. */
export interface GradingJob {
  readonly problem: Problem;
  readonly submissions: readonly Submission[];
}

/** Problem folder name -> submission label -> verdict. */
export type ExpectedVerdicts = ReadonlyMap<string, ReadonlyMap<string, string>>;

const expectedSchema = z.record(z.string(), z.record(z.string(), z.enum(VERDICTS)));
const MAX_EXPECTED_BYTES = 16 * 1024 * 1024;

/**
 * Reads a class: `problems/NAME/`, `submissions/NAME/*.py`, and an optional `expected.json`.
 * Returns null when the folder has another layout.
 */
export async function loadClass(
  path: string,
): Promise<{ jobs: GradingJob[]; expected: ExpectedVerdicts } | null> {
  await assertFolder(path, 'problem folder');
  const problems = join(path, 'problems');
  if ((await stat(problems).catch(() => null))?.isDirectory() !== true) return null;
  const names = (await readdir(problems)).filter((name) => !name.startsWith('.')).sort(naturalCompare);
  if (names.length === 0) throw new InputError(`${problems}: contains no problem`);
  const jobs: GradingJob[] = [];
  for (const name of names) {
    const problem = await loadProblem(join(problems, name));
    jobs.push({ problem, submissions: await loadSubmissions([join(path, 'submissions', name)]) });
  }
  return { jobs, expected: await loadExpected(join(path, 'expected.json')) };
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

function parseJson(text: string, file: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (cause) {
    throw new InputError(`${file}: is not JSON`, { cause });
  }
}
