import { rmSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { DEFAULT_LIMITS } from '@sandpiper/contracts';
import { type TestCase, type TestGroup, testsOf } from '../data/test-case.js';
import { loadTests } from '../data/load-tests.js';
import { isArchive, PROBLEM_ARCHIVE, topFolder, unpackArchive } from '../files/archive.js';
import { assertFolder, isFile, readBounded } from '../files/bounded.js';
import { InputError } from '../files/errors.js';
import { compareNames, isIgnoredName } from '../files/names.js';
import { type BestScores, bestScores } from '../scoring/score.js';
import { loadPackageSubmissions } from '../submissions/of-package.js';
import type { ProgramFile } from '../submissions/program.js';
import type { Submission } from '../submissions/submission.js';
import { loadIncluded } from './include.js';
import { limitsFor, type LimitSettings, type ProblemLimits } from './limits.js';
import { loadOwnJudging, type OwnJudging } from './own-judging.js';
import { parseProblemYaml, type ProblemSettings } from './problem-yaml.js';
import { timeLimitOfFiles } from './time-files.js';
import { type FormatVersion, isLegacy } from './version.js';

export interface Problem {
  readonly name: string;
  /** As it was named: a folder or an archive. */
  readonly path: string;
  readonly version: FormatVersion;
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
  readonly best: BestScores;
  readonly included: readonly ProgramFile[];
  /** Those of the package itself. */
  readonly examples: readonly Submission[];
  /** Files of the package that have no effect here, below its folder. */
  readonly ignored: readonly string[];
  /** Departures from the format that change no verdict. */
  readonly warnings: readonly string[];
}

const MAX_YAML_BYTES = 1024 * 1024;

/** What stands at the top of packages; the rest is named as ignored. */
const KNOWN =
  /^(problem\.yaml|data|submissions|include|attachments|problem_statement|statement|solution|input_validators|input_format_validators|output_validators?|static_validator|graders|generators|input_visualizer|output_visualizer|visualizers|answer_validators|domjudge-problem\.ini|problem_slide|README.*|LICENSE.*)$/i;

/**
 * Reads a problem package: a folder, or an archive of one.
 * @throws InputError for what is missing, wrong or too large, and for what a package asks and is not done here
 */
export async function loadProblem(path: string): Promise<Problem> {
  if (!isArchive(path) || !(await isFile(path))) {
    await assertFolder(path, 'problem folder');
    return loadFolder(path, path);
  }
  const unpacked = await unpackArchive(path, PROBLEM_ARCHIVE);
  removeAtExit(unpacked);
  const folder = await topFolder(unpacked, (one) => isFile(join(one, 'problem.yaml')));
  return loadFolder(folder, path);
}

/** Tests are read when they run, so an unpacked archive stays until the end. */
function removeAtExit(folder: string): void {
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
}

async function loadFolder(folder: string, path: string): Promise<Problem> {
  const settings = await loadSettings(folder);
  const own = await loadOwnJudging(folder, settings);
  const ignored = await ignoredAtTop(folder);
  const root = await realpath(folder);
  const tests = await loadTests(folder, settings, own !== null, {
    root,
    onIgnored: (file) => ignored.push(file),
  });
  const isScoring = settings.types.has('scoring');
  const scoring = { tests, isScoring, objective: settings.objective };
  const examples = await loadPackageSubmissions(folder, {
    isLegacy: isLegacy(settings.version),
    isScoring,
    constants: settings.constants,
  });
  const { limits: limitSettings } = settings;
  return {
    name: settings.name ?? basename(path).replace(/\.(zip|kpp)$/i, ''),
    path,
    version: settings.version,
    ...scoring,
    limitSettings,
    limits: limitsFor(limitSettings, limitSettings.timing.cpuMs ?? DEFAULT_LIMITS.cpuMs),
    allTests: testsOf(tests),
    own,
    best: bestScores(scoring, own !== null && own.scoring !== 'never'),
    included: await loadIncluded(folder, settings.constants),
    examples: examples.submissions,
    ignored: [...ignored, ...examples.ignored].map((file) => relative(folder, file)),
    warnings: settings.warnings,
  };
}

async function loadSettings(folder: string): Promise<ProblemSettings> {
  const file = join(folder, 'problem.yaml');
  if (!(await isFile(file))) throw new InputError(`${file}: no such file; a problem folder must have one`);
  const text = (await readBounded(file, MAX_YAML_BYTES)).toString('utf8').replace(/^\uFEFF/, '');
  const settings = parseProblemYaml(text, file);
  const cpuMs = await timeLimitOfFiles(folder, settings.limits.timing.cpuMs);
  return { ...settings, limits: { ...settings.limits, timing: { ...settings.limits.timing, cpuMs } } };
}

async function ignoredAtTop(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => !isIgnoredName(name) && !KNOWN.test(name));
  return names.sort(compareNames).map((name) => join(folder, name));
}
