import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isArchive } from '../files/archive.js';
import { isFolder } from '../files/bounded.js';
import { InputError } from '../files/errors.js';
import { compareNames, isIgnoredName } from '../files/names.js';
import { bytesWithConstants, type Constants } from '../package/constants.js';
import {
  entryPointOf,
  expectationOf,
  languageOf,
  readSubmissionsYaml,
  type SubmissionsYaml,
} from './expectations.js';
import type { HandIn } from './hand-in.js';
import { programOf } from './load.js';
import { fileProgram, folderProgram } from './program.js';
import type { SubmittedProgram } from './submitted-program.js';
import type { Submission } from './submission.js';

export interface PackageSubmissions {
  readonly submissions: readonly Submission[];
  /** What is in another language, and so is not judged. */
  readonly ignored: readonly string[];
}

export interface PackageOptions {
  readonly isLegacy: boolean;
  readonly isScoring: boolean;
  readonly constants: Constants;
  /** null: programs. */
  readonly handIn: HandIn | null;
}

/**
 * The example submissions of a package: each file and folder in a folder of `submissions/`, with what the package expects
 * of it. Only here names and tags count: a student could write them too.
 */
export async function loadPackageSubmissions(
  problem: string,
  options: PackageOptions,
): Promise<PackageSubmissions> {
  const folder = join(problem, 'submissions');
  if (!(await isFolder(folder))) return { submissions: [], ignored: [] };
  const yaml = await readSubmissionsYaml(folder);
  const submissions: Submission[] = [];
  const ignored: string[] = [];
  for (const group of await namesIn(folder)) {
    const below = join(folder, group);
    if (!(await isFolder(below))) {
      if (group !== 'submissions.yaml') ignored.push(below);
      continue;
    }
    for (const name of await namesIn(below)) {
      const one = await loadExample(join(below, name), `${group}/${name}`, yaml, {
        ...options,
        root: problem,
      });
      if (one === null) ignored.push(join(below, name));
      else submissions.push(one);
    }
  }
  return { submissions, ignored };
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => !isIgnoredName(name)).sort(compareNames);
}

async function loadExample(
  path: string,
  label: string,
  yaml: SubmissionsYaml,
  options: PackageOptions & { readonly root: string },
): Promise<Submission | null> {
  const isDirectory = (await stat(path).catch(() => null))?.isDirectory() === true;
  if (options.handIn === null && !isPython(path, isDirectory, languageOf(yaml, label))) return null;
  const entryPoint = isDirectory ? entryPointOf(yaml, label) : null;
  const read = await readExample(path, entryPoint, isDirectory, options);
  if (read === null) return null;
  const entry = read.program?.files.find(({ name }) => name === read.program?.entry)?.bytes ?? null;
  const expectation = expectationOf(label, entry, yaml, options);
  return { label, path, program: read.program, fault: read.fault, expectation };
}

function isPython(path: string, isDirectory: boolean, language: string | null): boolean {
  if (language !== null && !/^(python3?|pypy3?|python3numpy)$/.test(language)) return false;
  return isDirectory || /\.py3?$/.test(path);
}

/** null for a folder in another language, and for Python 2. */
async function readExample(
  path: string,
  entry: string | null,
  isDirectory: boolean,
  { constants, handIn, root }: PackageOptions & { readonly root: string },
): Promise<{ program: SubmittedProgram | null; fault: string | null } | null> {
  try {
    if (handIn !== null) {
      const kind = isDirectory ? 'folder' : isArchive(path) ? 'archive' : 'file';
      return { program: await programOf(path, kind, { handIn, root }), fault: null };
    }
    const program = isDirectory
      ? await folderProgram(path, { entry, root })
      : await fileProgram(path, basename(path));
    const files = program.files.map(({ name, bytes }) => ({
      name,
      bytes: bytesWithConstants(bytes, constants),
    }));
    return { program: { ...program, files }, fault: null };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    if (/contains no \.py file|Python 2/.test(error.message)) return null;
    return { program: null, fault: error.message.replace(`${path}: `, '') };
  }
}
