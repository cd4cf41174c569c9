import { readdir, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { errorCode, oneLine, type ProblemFacts } from '@sandpiper/contracts';
import {
  type ArchiveBounds,
  HostCompiler,
  InputError,
  loadProblem,
  type Problem,
  topFolder,
  unpackArchive,
} from '@sandpiper/grading';

/** What a package may be, beyond the bounds of its archive. */
export interface PackageBounds extends ArchiveBounds {
  readonly tests: number;
  /** Whether validators in C and C++ are compiled, by the compiler of this host and outside of any sandbox. */
  readonly mayCompile: boolean;
}

/** What a folder of a problem has, as grade knows it: a package, or a course. */
const PROBLEM_MARKS = new Set(['problem.yaml', 'init.yml', 'tests', '.github']);
/** Warnings and ignored files that are told. */
const MAX_LINES = 50;
const MAX_NAME = 200;

/** A package as it lies unpacked; its owner removes `folder`. */
export interface OpenedPackage {
  readonly folder: string;
  readonly problem: Problem;
}

/**
 * Unpacks a package into a folder below `within` and reads it.
 * @param id the name of a problem whose package has none
 * @throws InputError in one line that names what is wrong, by its path in the package
 */
export async function openPackage(
  file: string,
  id: string,
  bounds: PackageBounds,
  within: string,
): Promise<OpenedPackage> {
  let folder: string | null = null;
  let top: string | null = null;
  try {
    folder = await unpackArchive(file, bounds, within);
    top = await topFolder(folder, async (one) =>
      (await readdir(one)).some((name) => PROBLEM_MARKS.has(name)),
    );
    // One for each package: it keeps what it has compiled.
    const compiler = bounds.mayCompile ? new HostCompiler() : null;
    const problem = await loadProblem(top, { compiler });
    if (problem.allTests.length > bounds.tests) {
      throw new InputError(
        `the package has ${problem.allTests.length} tests, and this service judges at most ${bounds.tests}`,
      );
    }
    const isUnnamed = problem.name === basename(folder);
    return { folder, problem: { ...problem, name: isUnnamed ? id : problem.name } };
  } catch (error) {
    if (folder !== null) await rm(folder, { recursive: true, force: true });
    if (!(error instanceof InputError)) throw error;
    // The fault of this host, not of the package.
    if (errorCode(error.cause) === 'ENOSPC') throw error.cause;
    const places = [top, folder, file].filter((place) => place !== null);
    throw new InputError(inPackage(error.message, places), { cause: error });
  }
}

/** A message with paths inside the package: it must not show paths of this host. */
function inPackage(message: string, places: readonly string[]): string {
  let told = message;
  for (const place of places) {
    told = told.replaceAll(`${place}/`, '').replaceAll(`${place}: `, '').replaceAll(place, 'the package');
  }
  return oneLine(told);
}

/** What is told of a package. */
export function factsOf(problem: Problem): ProblemFacts {
  const { limits, limitSettings } = problem;
  return {
    name: oneLine(problem.name, MAX_NAME),
    formatVersion: problem.version,
    types: typesOf(problem),
    tests: problem.allTests.length,
    submissions: problem.examples.length,
    maxScore: problem.best.problem,
    limits: { ...limits, cpuMs: limitSettings.timing.cpuMs },
    warnings: linesOf(problem.warnings),
    ignored: linesOf(problem.ignored),
  };
}

function typesOf({ handIn, isScoring, own }: Problem): string[] {
  return [
    isScoring ? 'scoring' : 'pass-fail',
    ...(own !== null && own.passes > 1 ? ['multi-pass'] : []),
    ...(own?.isInteractive === true ? ['interactive'] : []),
    ...(handIn?.kind === 'answers' ? ['submit-answer'] : []),
  ];
}

function linesOf(lines: readonly string[]): string[] {
  const told = lines.slice(0, MAX_LINES).map((line) => oneLine(line, MAX_NAME));
  return lines.length <= MAX_LINES ? told : [...told, `... and ${lines.length - MAX_LINES} more`];
}
