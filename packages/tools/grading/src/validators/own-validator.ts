import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isFolder } from '../files/bounded.js';
import { compareNames, isIgnoredName } from '../files/names.js';
import type { SubmittedProgram } from '../submissions/submitted-program.js';
import { isBesideProgram, loadPackageProgram, type ProgramOptions } from './package-program.js';

/** A validator of a package; it runs in the sandbox like a submission. */
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
    if ((await programNames(join(problem, name))).length > 0) return name;
  }
  return null;
}

/**
 * The output validators of a package, each a file or a folder. In the earlier format there may be several, and all must
 * accept.
 * @throws InputError for what cannot run in the sandbox
 */
export async function loadValidators(
  folder: string,
  options: ProgramOptions,
  isLegacy: boolean,
): Promise<OwnValidator[]> {
  const path = join(options.root, folder);
  const names = await programNames(path);
  const [only] = names;
  const isOneProgram =
    !isLegacy && !(names.length === 1 && only !== undefined && (await isFolder(join(path, only))));
  const programs = isOneProgram ? [path] : names.map((name) => join(path, name));
  const loaded: OwnValidator[] = [];
  for (const one of programs) {
    loaded.push({
      name: one.slice(options.root.length + 1),
      program: await loadPackageProgram(one, options),
    });
  }
  return loaded;
}

/** Files and folders of a folder of programs that are programs by themselves. */
export async function programNames(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => !isIgnoredName(name) && !/^README/i.test(name) && !isBesideProgram(name))
    .sort(compareNames);
}
