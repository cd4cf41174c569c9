import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REQUEST_BOUNDS } from '@sandpiper/contracts';
import { boundedSize, isFolder } from '../files/bounded.js';
import { filesBelow } from '../files/files-below.js';
import { compareNames, isIgnoredName } from '../files/names.js';
import type { ProgramFile } from '../submissions/submitted-program.js';
import { bytesWithConstants, type Constants } from './constants.js';

/** For all languages first; then that of the language, which overrides it. */
const FOLDERS = ['default', 'python', 'python3'] as const;

/** The folders of `include/` for other languages, of which nothing is used. */
export async function ignoredIncludes(problem: string): Promise<string[]> {
  const names = await readdir(join(problem, 'include')).catch(() => []);
  const known: readonly string[] = FOLDERS;
  return names
    .filter((name) => !isIgnoredName(name) && !known.includes(name))
    .sort(compareNames)
    .map((name) => join(problem, 'include', name));
}

/** The files that every submission gets, from `include/`. */
export async function loadIncluded(problem: string, constants: Constants): Promise<ProgramFile[]> {
  const files = new Map<string, Buffer>();
  for (const language of FOLDERS) {
    const folder = join(problem, 'include', language);
    if (!(await isFolder(folder))) continue;
    for (const { name, path } of await filesBelow(folder, { maxFiles: REQUEST_BOUNDS.files })) {
      await boundedSize(path, REQUEST_BOUNDS.sourceBytes);
      files.set(name, bytesWithConstants(await readFile(path), constants));
    }
  }
  return [...files].map(([name, bytes]) => ({ name, bytes }));
}
