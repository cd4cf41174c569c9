import { access, constants, mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  csvOf,
  type ExcerptOf,
  type GradingReport,
  gradescopeOf,
  htmlOf,
  InputError,
  junitOf,
  reportFolders,
  reportForStudents,
  type TestVisibility,
  withoutGradescope,
} from '@sandpiper/grading';

/** The options that say which reports are written, and where. */
export interface ReportTargets {
  json?: string;
  csv?: string;
  junit?: string;
  html?: string;
  gradescope?: string;
  saveOutputs?: string;
  /** Whether reports for students quote secret tests. */
  showSecret?: boolean;
  secretVisibility?: TestVisibility;
}

const FILES = ['json', 'csv', 'junit', 'html'] as const;
type ReportFile = (typeof FILES)[number];

const FOLDERS = ['gradescope', 'saveOutputs'] as const;
const FLAGS: Readonly<Record<(typeof FOLDERS)[number], string>> = {
  gradescope: '--gradescope',
  saveOutputs: '--save-outputs',
};

/** Stands for the standard output. */
const STDOUT = '-';

/** Whether a report goes to the standard output, so that the table must not. */
export const takesStdout = (targets: ReportTargets): boolean =>
  FILES.some((name) => targets[name] === STDOUT);

/**
 * Checked first, so that an unwritable report does not surface after minutes of grading. Folders are made.
 * @throws InputError that names the option
 */
export async function assertTargets(targets: ReportTargets): Promise<void> {
  const toStdout = FILES.filter((name) => targets[name] === STDOUT);
  if (toStdout.length > 1) {
    throw new InputError(
      `${toStdout.map((name) => `--${name} -`).join(' and ')}: only one report can go to stdout`,
    );
  }
  if (targets.secretVisibility !== undefined && targets.gradescope === undefined)
    throw new InputError('--secret-visibility is for --gradescope DIR; give that too');
  for (const name of FILES) {
    const file = targets[name];
    if (file !== undefined && file !== STDOUT) await assertWritable(`--${name}`, file);
  }
  for (const name of FOLDERS) {
    const folder = targets[name];
    if (folder !== undefined) await assertFolderTarget(FLAGS[name], folder);
  }
}

export async function assertWritable(option: string, file: string): Promise<void> {
  const folder = await stat(dirname(file)).catch(() => null);
  if (folder?.isDirectory() !== true) throw new InputError(`${option}: ${dirname(file)}: no such folder`);
  const found = await stat(file).catch(() => null);
  if (found?.isDirectory() === true) throw new InputError(`${option}: ${file}: is a folder`);
  await assertAccess(option, found === null ? dirname(file) : file, file);
}

async function assertFolderTarget(option: string, folder: string): Promise<void> {
  if (folder === STDOUT) throw new InputError(`${option}: needs a folder, not "-"`);
  const found = await stat(folder).catch(() => null);
  if (found !== null && !found.isDirectory()) throw new InputError(`${option}: ${folder}: is not a folder`);
  if (found === null) {
    await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
      throw new InputError(`${option}: ${folder}: cannot be made`, { cause });
    });
  }
  await assertAccess(option, folder, folder);
}

async function assertAccess(option: string, path: string, named: string): Promise<void> {
  const isWritable = await access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!isWritable) throw new InputError(`${option}: ${named}: cannot be written`);
}

/**
 * Writes the reports that the options name. Only --json, which is for teachers, has all that is known of secret tests,
 * unless --show-secret asks for it.
 * @returns lines for the user
 */
export async function writeReports(
  report: GradingReport,
  targets: ReportTargets,
  excerptOf: ExcerptOf,
): Promise<string[]> {
  const forStudents = targets.showSecret === true ? report : reportForStudents(report);
  const texts: Readonly<Record<ReportFile, () => string>> = {
    json: () => `${JSON.stringify(report, null, 2)}\n`,
    csv: () => csvOf(forStudents),
    junit: () => junitOf(forStudents),
    html: () => htmlOf(forStudents, excerptOf),
  };
  for (const name of FILES) {
    const file = targets[name];
    if (file === STDOUT) process.stdout.write(texts[name]());
    else if (file !== undefined) await replaceFile(file, texts[name]());
  }
  const { gradescope, secretVisibility = 'after_published' } = targets;
  return gradescope === undefined ? [] : writeGradescope(forStudents, gradescope, secretVisibility);
}

/** All of it or nothing: the report of an earlier run, which this one resumes, may lie there. */
async function replaceFile(file: string, text: string): Promise<void> {
  const found = await stat(file).catch(() => null);
  if (found !== null && !found.isFile()) return writeFile(file, text);
  const unfinished = `${file}.${process.pid}.part`;
  await writeFile(unfinished, text);
  await rename(unfinished, file);
}

async function writeGradescope(
  report: GradingReport,
  folder: string,
  secret: TestVisibility,
): Promise<string[]> {
  const folders = reportFolders(
    report.problems.map(({ name, submissions }) => ({ name, labels: submissions.map(({ label }) => label) })),
  );
  for (const [n, problem] of report.problems.entries()) {
    for (const [index, submission] of problem.submissions.entries()) {
      const text = gradescopeOf(problem, submission, secret);
      if (text === null) continue;
      const own = join(folder, folders.problems[n] ?? '', folders.submissions[n]?.[index] ?? '');
      await mkdir(own, { recursive: true });
      await writeFile(join(own, 'results.json'), text);
    }
  }
  const without = withoutGradescope(report);
  const missing = `${without} submission${without === 1 ? ' has' : 's have'} no results.json, for want of a verdict`;
  return [...folders.notes, ...(without === 0 ? [] : [missing])].map((note) => `--gradescope: ${note}`);
}
