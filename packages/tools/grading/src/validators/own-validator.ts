import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isFile, isFolder } from '../files/bounded.js';
import { InputError } from '../files/errors.js';
import { compareNames, isIgnoredName } from '../files/names.js';
import { bytesWithConstants, type Constants } from '../package/constants.js';
import { fileProgram, folderProgram, type SubmittedProgram } from '../submissions/program.js';

/** An output validator of a package; it runs in the sandbox like a submission. */
export interface OwnValidator {
  /** For messages: below the package. */
  readonly name: string;
  readonly program: SubmittedProgram;
}

/** Where each version has them. Some legacy packages use the later name. */
const LEGACY_FOLDERS = ['output_validators', 'output_validator'] as const;
const MODERN_FOLDERS = ['output_validator'] as const;

/** The folder of output validators that has something in it; null without one. */
export async function validatorFolder(problem: string, isLegacy: boolean): Promise<string | null> {
  for (const name of isLegacy ? LEGACY_FOLDERS : MODERN_FOLDERS) {
    if ((await namesIn(join(problem, name))).length > 0) return name;
  }
  return null;
}

/**
 * The output validators of a package, each a file or a folder. In the earlier format there may be several, and all must
 * accept.
 * @throws InputError for what is no Python: it would have to run outside of the sandbox
 */
export async function loadValidators(
  problem: string,
  folder: string,
  constants: Constants,
  isLegacy: boolean,
): Promise<OwnValidator[]> {
  const path = join(problem, folder);
  const names = await namesIn(path);
  const [only] = names;
  const isOneProgram =
    !isLegacy && !(names.length === 1 && only !== undefined && (await isFolder(join(path, only))));
  const programs = isOneProgram ? [path] : names.map((name) => join(path, name));
  const loaded: OwnValidator[] = [];
  for (const one of programs) loaded.push(await loadValidator(one, one.slice(problem.length + 1), constants));
  return loaded;
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => !isIgnoredName(name) && !/^README/i.test(name)).sort(compareNames);
}

async function loadValidator(path: string, name: string, constants: Constants): Promise<OwnValidator> {
  const program = (await isFile(path)) ? await fromFile(path) : await fromFolder(path);
  const files = program.files.map((file) => ({ ...file, bytes: bytesWithConstants(file.bytes, constants) }));
  return { name, program: { ...program, files } };
}

async function fromFile(path: string): Promise<SubmittedProgram> {
  if (!/\.py3?$/.test(path)) throw new InputError(`${path}: only output validators in Python are run here`);
  return fileProgram(path, basename(path));
}

async function fromFolder(path: string): Promise<SubmittedProgram> {
  const names = await namesIn(path);
  const foreign = names.find(
    (name) => /^(build|run)$/.test(name) || /\.(c|cc|cpp|cxx|java|rs|go|kt|sh)$/.test(name),
  );
  if (foreign !== undefined) {
    throw new InputError(`${join(path, foreign)}: only output validators in Python are run here`);
  }
  return folderProgram(path);
}
