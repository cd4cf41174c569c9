import { access, constants, stat, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import {
  InputError,
  loadClass,
  loadProblem,
  loadSubmissions,
  type ExpectedVerdicts,
  type GradingJob,
  type TestOutcome,
} from '@sandpiper/grading';
import { EXIT } from '../exit-codes.js';
import { catchInterrupts } from '../interrupt.js';
import { gradeAll } from './pipeline.js';
import { createGradingProgress } from './progress.js';
import { buildReport, renderGradingReport } from './report.js';
import { patient } from '../patience.js';
import { withService } from '../service/address.js';

export interface GradeOptions {
  server?: string;
  json?: string;
  nodes?: number;
  retryUnreliable?: number;
}

/** `sandpiper grade`. Returns 0 when grading worked, whatever the verdicts of the programs. */
export async function gradeCommand(
  path: string,
  submissionPaths: readonly string[],
  options: GradeOptions,
): Promise<number> {
  // Input errors are reported before anything is started.
  const { jobs, expected } = await loadJobs(path, submissionPaths);
  if (options.json !== undefined) await assertWritable(options.json);

  const interrupt = catchInterrupts(() =>
    process.stderr.write('sandpiper: stopping (press Ctrl-C again to quit at once)\n'),
  );
  const { signal } = interrupt;
  const progress = createGradingProgress();
  try {
    const graded = await withService(options, (client) =>
      gradeAll(patient(client, signal), jobs, {
        retryUnreliable: options.retryUnreliable ?? 0,
        onProgress: progress.update,
        signal,
      }).finally(progress.stop),
    );
    const report = buildReport(
      graded,
      (problem, label) => expected.get(basename(problem))?.get(label) ?? null,
    );
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
    process.stdout.write(renderGradingReport(report));
    const unjudged = report.problems
      .flatMap((p) => p.submissions)
      .filter((s) => s.tests.some(isUnjudged)).length;
    if (unjudged === 0) return EXIT.ok;
    process.stderr.write(
      `sandpiper: ${unjudged} submission${unjudged === 1 ? '' : 's'} could not be judged on every test (JE)\n`,
    );
    return EXIT.failed;
  } catch (error) {
    if (signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    interrupt.release();
  }
}

/** Not a verdict on the program: the sandbox or the service failed, and grading did not work. */
const isUnjudged = (test: TestOutcome): boolean => test.verdict === 'JE';

/** One problem with the named submissions, or a class folder that holds both. */
async function loadJobs(
  path: string,
  submissionPaths: readonly string[],
): Promise<{ jobs: GradingJob[]; expected: ExpectedVerdicts }> {
  if (submissionPaths.length > 0) {
    const problem = await loadProblem(path);
    return { jobs: [{ problem, submissions: await loadSubmissions(submissionPaths) }], expected: new Map() };
  }
  const found = await loadClass(path);
  if (found === null) {
    await loadProblem(path);
    throw new InputError(`${path}: name at least one submission to grade on this problem`);
  }
  return found;
}

/** Checked first, so that an unwritable report does not surface after minutes of grading. */
async function assertWritable(file: string): Promise<void> {
  const folder = await stat(dirname(file)).catch(() => null);
  if (folder?.isDirectory() !== true) throw new InputError(`--json: ${dirname(file)}: no such folder`);
  const found = await stat(file).catch(() => null);
  if (found?.isDirectory() === true) throw new InputError(`--json: ${file}: is a folder`);
  const writable = await access(found === null ? dirname(file) : file, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!writable) throw new InputError(`--json: ${file}: cannot be written`);
}
