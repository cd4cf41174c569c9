import { readdir, realpath } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { DEFAULT_LIMITS } from '@sandpiper/contracts';
import { loadCourse } from '../courses/course.js';
import type { CourseFormat, LoadedCourse } from '../courses/loaded-course.js';
import { type TestCase, type TestGroup, testsOf } from '../data/test-case.js';
import { loadTests } from '../data/load-tests.js';
import { isArchive, PROBLEM_ARCHIVE, topFolder, unpackArchive } from '../files/archive.js';
import { assertFolder, isFile, readBounded } from '../files/bounded.js';
import { InputError } from '../files/errors.js';
import { compareNames, isIgnoredName } from '../files/names.js';
import { removeAtExit } from '../files/temporary.js';
import { type BestScores, bestScores } from '../scoring/score.js';
import { loadPackageSubmissions } from '../submissions/of-package.js';
import type { HandIn } from '../submissions/hand-in.js';
import type { ProgramFile } from '../submissions/submitted-program.js';
import type { Submission } from '../submissions/submission.js';
import type { Compiler } from '../validators/native/compiler.js';
import type { OwnValidator } from '../validators/own-validator.js';
import { ignoredIncludes, loadIncluded } from './include.js';
import { limitsFor, type LimitSettings, type ProblemLimits } from './limits.js';
import { hasGrader, loadGrader } from './grader.js';
import { loadOwnJudging, type OwnJudging } from './own-judging.js';
import { parseProblemYaml, type ProblemSettings } from './problem-yaml.js';
import { timeLimitOfFiles } from './time-files.js';
import { type FormatVersion, isLegacy } from './version.js';

export interface Problem {
  readonly name: string;
  /** As it was named: a folder or an archive. */
  readonly path: string;
  readonly version: FormatVersion | CourseFormat;
  readonly isScoring: boolean;
  readonly objective: 'max' | 'min';
  readonly limitSettings: LimitSettings;
  /** Of the package, or the default until accepted submissions have run. */
  readonly limits: ProblemLimits;
  readonly tests: TestGroup;
  /** All of them, in the order of judging. */
  readonly allTests: readonly TestCase[];
  /** The validators of the package; null where the default one judges. */
  readonly own: OwnJudging | null;
  /** The grader of the package, where a group asks for it. */
  readonly grader: OwnValidator | null;
  readonly best: BestScores;
  readonly included: readonly ProgramFile[];
  /** What is submitted where that is no program that starts by itself. */
  readonly handIn: HandIn | null;
  /** Those of the package itself. */
  readonly examples: readonly Submission[];
  /** Files of the package that have no effect here, below its folder. */
  readonly ignored: readonly string[];
  /** Departures from the format that change no verdict. */
  readonly warnings: readonly string[];
}

export interface LoadProblemOptions {
  /** Of the host, for validators in C and C++; null: they are refused. */
  readonly compiler: Compiler | null;
}

export const WITHOUT_COMPILER: LoadProblemOptions = { compiler: null };

const MAX_YAML_BYTES = 1024 * 1024;

/** What stands at the top of packages; the rest is named as ignored. */
const KNOWN =
  /^(problem\.yaml|data|submissions|include|attachments|problem_statement|statement|solution|input_validators|input_format_validators|output_validators?|static_validator|graders|generators|input_visualizer|output_visualizer|visualizers|answer_validators|domjudge-problem\.ini|problem_slide|README.*|LICENSE.*)$/i;

/** A problem, and the package that it was read from. */
export interface ProblemPackage {
  readonly problem: Problem;
  /** Where its files lie; for an archive a temporary folder. */
  readonly folder: string;
  readonly settings: ProblemSettings;
}

/**
 * Reads a problem package or a problem of a course: a folder, or an archive of one.
 * @throws InputError for what is missing, wrong or too large, and for what a package asks and is not done here
 */
export async function loadProblem(
  path: string,
  options: LoadProblemOptions = WITHOUT_COMPILER,
): Promise<Problem> {
  const folder = await folderOf(path);
  if (!(await isFile(join(folder, 'problem.yaml')))) {
    const course = await loadCourse(folder);
    if (course !== null) return problemOfCourse(course, folder, path);
  }
  return (await loadFolder(folder, path, options)).problem;
}

/** Like {@link loadProblem}, for problem packages alone. */
export async function loadPackage(path: string, options: LoadProblemOptions): Promise<ProblemPackage> {
  return loadFolder(await folderOf(path), path, options);
}

/** Of an archive the folder that it was unpacked into. */
async function folderOf(path: string): Promise<string> {
  if (!isArchive(path) || !(await isFile(path))) {
    await assertFolder(path, 'problem folder');
    return path;
  }
  const unpacked = await unpackArchive(path, PROBLEM_ARCHIVE);
  removeAtExit(unpacked);
  return topFolder(unpacked, (one) => hasAnyOf(one, ['problem.yaml', 'init.yml', 'tests', '.github']));
}

async function hasAnyOf(folder: string, names: readonly string[]): Promise<boolean> {
  const found = new Set(await readdir(folder));
  return names.some((name) => found.has(name));
}

async function loadFolder(
  folder: string,
  path: string,
  { compiler }: LoadProblemOptions,
): Promise<ProblemPackage> {
  const settings = await loadSettings(folder);
  const own = await loadOwnJudging(folder, settings, compiler);
  const ignored = [...(await ignoredAtTop(folder)), ...(await ignoredIncludes(folder))];
  const root = await realpath(folder);
  const tests = await loadTests(
    folder,
    settings,
    { hasOwnValidator: own !== null, hasGrader: await hasGrader(folder) },
    { root, onIgnored: (file) => ignored.push(file) },
  );
  const grader = await loadGrader(tests, { root: folder, constants: settings.constants, compiler });
  const isScoring = settings.types.has('scoring');
  const scoring = { tests, isScoring, objective: settings.objective };
  const allTests = testsOf(tests);
  const handIn = settings.types.has('submit-answer') ? answersTo(allTests) : null;
  const examples = await loadPackageSubmissions(folder, {
    isLegacy: isLegacy(settings.version),
    isScoring,
    constants: settings.constants,
    handIn,
  });
  const limitSettings = handIn === null ? settings.limits : withoutMeasuring(settings.limits);
  const problem: Problem = {
    name: settings.name ?? nameOf(path),
    path,
    version: settings.version,
    ...scoring,
    limitSettings,
    limits: limitsFor(limitSettings, limitSettings.timing.cpuMs ?? DEFAULT_LIMITS.cpuMs),
    allTests,
    own,
    grader,
    best: bestScores(scoring, own !== null && own.scoring !== 'never'),
    included: await loadIncluded(folder, settings.constants),
    handIn,
    examples: examples.submissions,
    ignored: [...ignored, ...examples.ignored].map((file) => relative(folder, file)),
    warnings: settings.warnings,
  };
  return { problem, folder, settings };
}

const answersTo = (tests: readonly TestCase[]): HandIn => ({
  kind: 'answers',
  tests: tests.map(({ name }) => name),
});

/** What prints an answer is ours, and needs no limit of the package's. */
function withoutMeasuring(limits: LimitSettings): LimitSettings {
  return { ...limits, timing: { ...limits.timing, cpuMs: DEFAULT_LIMITS.cpuMs } };
}

/** Of what the teacher gives to a run; with what a student has it must fit into a request. */
const MAX_GIVEN_FILES = 600;

async function problemOfCourse(course: LoadedCourse, folder: string, path: string): Promise<Problem> {
  const { tests, settings } = course;
  const allTests = testsOf(tests);
  const included = await loadIncluded(folder, new Map());
  const given = included.length + allTests.reduce((most, { files }) => Math.max(most, files.length), 0);
  if (given > MAX_GIVEN_FILES)
    throw new InputError(
      `${folder}: tests and include have ${given} files together, at most ${MAX_GIVEN_FILES}`,
    );
  const { timing } = settings.limits;
  const cpuMs = timing.cpuMs ?? DEFAULT_LIMITS.cpuMs;
  const most = bestScores({ tests, isScoring: true, objective: 'max' }).problem ?? 0;
  const scoring = { tests, isScoring: most > 0, objective: 'max' } as const;
  return {
    name: settings.name ?? nameOf(path),
    path,
    version: course.format,
    ...scoring,
    // Nothing here is measured: a course has no accepted submission.
    limitSettings: { ...settings.limits, timing: { ...timing, cpuMs } },
    limits: limitsFor(settings.limits, cpuMs),
    allTests,
    own: null,
    grader: null,
    best: bestScores(scoring),
    included,
    handIn: course.handIn,
    examples: [],
    ignored: course.ignored.map((file) => relative(folder, file)),
    warnings: course.warnings,
  };
}

const nameOf = (path: string): string => basename(path).replace(/\.(zip|kpp)$/i, '');

async function loadSettings(folder: string): Promise<ProblemSettings> {
  const file = join(folder, 'problem.yaml');
  if (!(await isFile(file)))
    throw new InputError(
      `${file}: no such file; a problem folder must have one, or tests/test_*.py, init.yml or .github/classroom/autograding.json`,
    );
  const text = (await readBounded(file, MAX_YAML_BYTES)).toString('utf8').replace(/^\uFEFF/, '');
  const settings = parseProblemYaml(text, file);
  const cpuMs = await timeLimitOfFiles(folder, settings.limits.timing.cpuMs);
  return { ...settings, limits: { ...settings.limits, timing: { ...settings.limits.timing, cpuMs } } };
}

async function ignoredAtTop(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => !isIgnoredName(name) && !KNOWN.test(name));
  return names.sort(compareNames).map((name) => join(folder, name));
}
