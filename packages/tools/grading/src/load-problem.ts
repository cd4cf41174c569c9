import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, REQUEST_BOUNDS } from '@sandpiper/contracts';
import { InputError } from './errors.js';
import { naturalCompare } from './natural-sort.js';
import { parseProblemYaml, type ProblemConfig } from './problem.js';
import type { TestCase } from './verdict.js';

export interface Problem extends ProblemConfig {
  readonly path: string;
  readonly tests: readonly TestCase[];
}

/** Groups of tests in grading order. */
const GROUPS = ['sample', 'secret'] as const;
const MAX_YAML_BYTES = 1024 * 1024;

/**
 * Reads a problem folder of the ICPC/Kattis layout.
 * @throws InputError for a file that is missing, lacks its counterpart, or is too large
 */
export async function loadProblem(path: string): Promise<Problem> {
  await assertFolder(path, 'problem folder');
  const config = await loadConfig(path);
  const tests: TestCase[] = [];
  for (const group of GROUPS) tests.push(...(await loadGroup(path, group)));
  if (tests.length === 0) {
    throw new InputError(`${path}: the problem has no test data (data/sample/*.in and data/secret/*.in)`);
  }
  return { ...config, path, tests };
}

/** @throws InputError when `path` does not exist or is not a folder */
export async function assertFolder(path: string, what: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new InputError(`${path}: no such ${what}`);
  if (!found.isDirectory()) throw new InputError(`${path}: is not a folder; a ${what} must be one`);
}

async function loadConfig(path: string): Promise<ProblemConfig> {
  const file = join(path, 'problem.yaml');
  const found = await stat(file).catch(() => null);
  if (found === null) throw new InputError(`${file}: no such file; a problem folder must have one`);
  const text = await readBounded(file, MAX_YAML_BYTES);
  return parseProblemYaml(text.toString('utf8'), file);
}

async function loadGroup(problem: string, group: string): Promise<TestCase[]> {
  const folder = join(problem, 'data', group);
  const names = await readdir(folder).catch(() => []);
  const inputs = stems(names, '.in');
  const answers = stems(names, '.ans');
  for (const stem of inputs) {
    if (!answers.has(stem))
      throw new InputError(`${join(folder, `${stem}.in`)}: has no answer file ${stem}.ans`);
  }
  for (const stem of answers) {
    if (!inputs.has(stem))
      throw new InputError(`${join(folder, `${stem}.ans`)}: has no input file ${stem}.in`);
  }
  const tests: TestCase[] = [];
  for (const stem of [...inputs].sort(naturalCompare)) {
    tests.push({
      name: `${group}/${stem}`,
      input: await readBounded(join(folder, `${stem}.in`), REQUEST_BOUNDS.stdinBytes),
      answer: await readBounded(join(folder, `${stem}.ans`), REQUEST_BOUNDS.stdinBytes),
    });
  }
  return tests;
}

function stems(names: readonly string[], ending: string): Set<string> {
  return new Set(names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length)));
}

/**
 * Reads a regular file; checks its size first, so that a huge file is refused without reading it.
 * @throws InputError when it is missing, not a regular file, too large, or unreadable
 */
export async function readBounded(file: string, maxBytes: number): Promise<Buffer> {
  const found = await stat(file).catch(() => null);
  if (found === null) throw new InputError(`${file}: no such file`);
  if (found.isDirectory()) throw new InputError(`${file}: is a folder, not a file`);
  if (!found.isFile()) throw new InputError(`${file}: is not a regular file`);
  if (found.size > maxBytes) {
    throw new InputError(
      `${file}: is too large (${megabytes(found.size)} MiB, at most ${megabytes(maxBytes)} MiB)`,
    );
  }
  try {
    return await readFile(file);
  } catch (cause) {
    throw new InputError(`${file}: cannot be read (${errorCode(cause) ?? 'unknown error'})`, { cause });
  }
}

function megabytes(bytes: number): string {
  return (bytes / (1024 * 1024)).toFixed(bytes % (1024 * 1024) === 0 ? 0 : 1);
}
