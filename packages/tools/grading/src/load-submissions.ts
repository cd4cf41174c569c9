import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, normalize, sep } from 'node:path';
import { REQUEST_BOUNDS } from '@sandpiper/contracts';
import { InputError } from './errors.js';
import { readBounded } from './load-problem.js';
import { naturalCompare } from './natural-sort.js';

export interface Submission {
  /** The file's name where it is unique, else its path. */
  readonly label: string;
  readonly path: string;
  readonly source: string;
}

/** Deeper nesting is a mistake or a loop of links. */
const MAX_DEPTH = 8;

/**
 * Reads `.py` files and the `.py` files of folders, in natural order within each folder; each file is taken
 * once.
 * @throws InputError when a file is missing, not UTF-8, or too large for a request, or a folder contains none
 */
export async function loadSubmissions(paths: readonly string[]): Promise<Submission[]> {
  const files: string[] = [];
  for (const path of paths) files.push(...(await expand(path)));
  const unique = [...new Set(files.map((file) => normalize(file)))];
  const labels = labelsOf(unique);
  const submissions: Submission[] = [];
  for (const [index, path] of unique.entries()) {
    submissions.push({ label: labels[index] ?? path, path, source: await readSource(path) });
  }
  return submissions;
}

async function expand(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new InputError(`${path}: no such submission`);
  if (found.isDirectory()) {
    const files = await filesOf(path, 1);
    await assertWithin(path, files);
    if (files.length === 0) throw new InputError(`${path}: the folder contains no .py file`);
    return files;
  }
  if (!path.endsWith('.py')) throw new InputError(`${path}: a submission is a .py file or a folder of them`);
  return [path];
}

/**
 * A student may put links into a submitted folder. A link to an answer or a key would leak the file line by
 * line in tracebacks, and a link to another student's solution would pass as their own.
 * @throws InputError for a file outside of the folder
 */
async function assertWithin(folder: string, files: readonly string[]): Promise<void> {
  const within = `${await realpath(folder)}${sep}`;
  for (const file of files) {
    const real = await realpath(file).catch(() => null);
    if (real?.startsWith(within) !== true)
      throw new InputError(`${file}: is a link that leads out of ${folder}`);
  }
}

async function filesOf(folder: string, depth: number): Promise<string[]> {
  if (depth > MAX_DEPTH) throw new InputError(`${folder}: folders are nested more than ${MAX_DEPTH} deep`);
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.') && name !== '__pycache__');
  const files: string[] = [];
  for (const name of names.sort(naturalCompare)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found?.isDirectory() === true) files.push(...(await filesOf(path, depth + 1)));
    else if (name.endsWith('.py')) files.push(path);
  }
  return files;
}

async function readSource(path: string): Promise<string> {
  const bytes = await readBounded(path, REQUEST_BOUNDS.sourceBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new InputError(`${path}: is not UTF-8`, { cause });
  }
}

function labelsOf(paths: readonly string[]): string[] {
  const count = new Map<string, number>();
  for (const path of paths) count.set(basename(path), (count.get(basename(path)) ?? 0) + 1);
  return paths.map((path) => (count.get(basename(path)) === 1 ? basename(path) : path));
}
