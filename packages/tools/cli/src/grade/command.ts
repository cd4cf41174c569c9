import { access, constants, stat, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import {
  buildReport,
  csvOf,
  type ExpectedVerdicts,
  gradeAll,
  type GradingReport,
  InputError,
  junitOf,
  type TestOutcome,
} from '@sandpiper/grading';
import { EXIT } from '../exit-codes.js';
import { catchInterrupts } from '../interrupt.js';
import { patient } from '../patience.js';
import { withService } from '../service/address.js';
import { escapeForTerminal } from '../terminal/escape.js';
import { type Jobs, loadJobs } from './jobs.js';
import { createGradingProgress } from './progress.js';
import { renderGradingReport } from './render.js';

export interface GradeOptions {
  server?: string;
  json?: string;
  csv?: string;
  junit?: string;
  nodes?: number;
  retryUnreliable?: number;
  all?: boolean;
}

const REPORT_FILES = ['json', 'csv', 'junit'] as const;

const WRITTEN_AS: Readonly<Record<(typeof REPORT_FILES)[number], (report: GradingReport) => string>> = {
  json: (report) => `${JSON.stringify(report, null, 2)}\n`,
  csv: csvOf,
  junit: junitOf,
};

/** Names of ignored files in one line. */
const NAMED_IGNORED = 4;

/**
 * `sandpiper grade`. Returns 0 when everything was judged and every verdict is the expected one, where one is expected.
 */
export async function gradeCommand(
  path: string,
  submissionPaths: readonly string[],
  options: GradeOptions,
): Promise<number> {
  // Input errors are reported before anything is started.
  const found = await loadJobs(path, submissionPaths);
  for (const name of REPORT_FILES) {
    const file = options[name];
    if (file !== undefined) await assertWritable(name, file);
  }
  for (const line of ignoredLines(found)) process.stderr.write(`sandpiper: ${line}\n`);

  const interrupt = catchInterrupts(() =>
    process.stderr.write('sandpiper: stopping (press Ctrl-C again to quit at once)\n'),
  );
  const { signal } = interrupt;
  const progress = createGradingProgress();
  try {
    const graded = await withService(options, (client) =>
      gradeAll(patient(client, signal), found.jobs, {
        retryUnreliable: options.retryUnreliable ?? 0,
        runsAll: options.all === true,
        onProgress: progress.update,
        signal,
      }).finally(progress.stop),
    );
    const report = buildReport(graded, expectedIn(found.expected));
    for (const name of REPORT_FILES) {
      const file = options[name];
      if (file !== undefined) await writeFile(file, WRITTEN_AS[name](report));
    }
    process.stdout.write(renderGradingReport(report));
    return exitCodeFor(report);
  } catch (error) {
    if (signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    interrupt.release();
  }
}

/** By the name of the problem in the class. */
function expectedIn(expected: ExpectedVerdicts): (problemPath: string, label: string) => string | null {
  return (problem, label) => expected.get(basename(problem).replace(/\.(zip|kpp)$/i, ''))?.get(label) ?? null;
}

function ignoredLines({ jobs, ignored }: Jobs): string[] {
  const lists: (readonly [string, readonly string[]])[] = [
    ['the class', ignored],
    ...jobs.flatMap(({ problem, ignored: handedIn }) => [
      [problem.path, problem.ignored] as const,
      [`submissions for ${problem.name}`, handedIn] as const,
    ]),
  ];
  return lists.flatMap(([what, files]) => {
    if (files.length === 0) return [];
    const names = files.slice(0, NAMED_IGNORED).map((file) => escapeForTerminal(file, 60));
    const more = files.length > NAMED_IGNORED ? ', ...' : '';
    const count = files.length === 1 ? '1 file is' : `${files.length} files are`;
    return [`${escapeForTerminal(what, 80)}: ${count} ignored: ${names.join(', ')}${more}`];
  });
}

function exitCodeFor(report: GradingReport): number {
  const submissions = report.problems.flatMap((p) => p.submissions);
  const unjudged = submissions.filter((s) => s.verdict === 'JE' || s.tests.some(isUnjudged)).length;
  const unexpected = submissions.filter((s) => s.mismatch !== null).length;
  if (unjudged > 0) {
    process.stderr.write(
      `sandpiper: ${unjudged} submission${unjudged === 1 ? '' : 's'} could not be judged on every test (JE)\n`,
    );
  }
  if (unexpected > 0) {
    process.stderr.write(
      `sandpiper: ${unexpected} submission${unexpected === 1 ? '' : 's'} did not do what was expected\n`,
    );
  }
  return unjudged + unexpected === 0 ? EXIT.ok : EXIT.failed;
}

/** Not a verdict on the program: the sandbox or the service failed, and grading did not work. */
const isUnjudged = (test: TestOutcome): boolean => test.verdict === 'JE';

/** Checked first, so that an unwritable report does not surface after minutes of grading. */
async function assertWritable(option: string, file: string): Promise<void> {
  const folder = await stat(dirname(file)).catch(() => null);
  if (folder?.isDirectory() !== true) throw new InputError(`--${option}: ${dirname(file)}: no such folder`);
  const found = await stat(file).catch(() => null);
  if (found?.isDirectory() === true) throw new InputError(`--${option}: ${file}: is a folder`);
  const writable = await access(found === null ? dirname(file) : file, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!writable) throw new InputError(`--${option}: ${file}: cannot be written`);
}
