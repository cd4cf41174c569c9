import { realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import {
  type ExpectedVerdicts,
  type GradingJob,
  InputError,
  loadClass,
  type LoadProblemOptions,
  loadProblem,
  loadSubmissions,
  type Problem,
  type Submission,
} from '@sandpiper/grading';

export interface Jobs {
  readonly jobs: readonly GradingJob[];
  readonly expected: ExpectedVerdicts;
  readonly ignored: readonly string[];
}

/** One problem with the named submissions or those of its package, or a class folder that holds both. */
export async function loadJobs(
  path: string,
  submissionPaths: readonly string[],
  options: LoadProblemOptions,
): Promise<Jobs> {
  if (submissionPaths.length === 0) {
    const found = await loadClass(path, options);
    if (found !== null) return found;
  }
  const problem = await loadProblem(path, options);
  const { submissions, ignored } =
    submissionPaths.length === 0 ? ofPackage(problem, path) : await named(problem, submissionPaths);
  return { jobs: [{ problem, submissions, ignored }], expected: new Map(), ignored: [] };
}

function ofPackage(
  problem: Problem,
  path: string,
): { submissions: readonly Submission[]; ignored: string[] } {
  if (problem.examples.length > 0) return { submissions: problem.examples, ignored: [] };
  throw new InputError(
    `${path}: name at least one submission to grade on this problem; its package has none in Python`,
  );
}

/** What lies in the package keeps what the package expects of it. */
async function named(
  problem: Problem,
  paths: readonly string[],
): Promise<{ submissions: readonly Submission[]; ignored: readonly string[] }> {
  const examples = await Promise.all(
    problem.examples.map(async (submission) => ({
      submission,
      real: await realpath(submission.path).catch(() => null),
    })),
  );
  const own = new Set<Submission>();
  const others: string[] = [];
  for (const path of paths) {
    const real = await realpath(path).catch(() => path);
    const found = examples.filter(
      (one) => one.real !== null && `${one.real}${sep}`.startsWith(`${real}${sep}`),
    );
    for (const { submission } of found) own.add(submission);
    if (found.length === 0) others.push(path);
  }
  const loaded =
    others.length === 0 ? { submissions: [], ignored: [] } : await loadSubmissions(others, problem.handIn);
  return { submissions: [...own, ...loaded.submissions], ignored: loaded.ignored };
}
