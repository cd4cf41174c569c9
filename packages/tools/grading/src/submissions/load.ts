import { readdir, realpath, rm, stat } from 'node:fs/promises';
import { basename, join, normalize, sep } from 'node:path';
import { isArchive, SUBMISSION_ARCHIVE, unpackArchive } from '../files/archive.js';
import { InputError } from '../files/errors.js';
import { compareNames, isIgnoredName } from '../files/names.js';
import { areAnswers, answersOf } from './answers.js';
import type { HandIn } from './hand-in.js';
import { fileProgram, filesOfFolder, folderProgram, programFile } from './program.js';
import type { ProgramFile, SubmittedProgram } from './submitted-program.js';
import type { Submission } from './submission.js';

/** More is a mistake, such as a whole home folder. */
const MAX_SUBMISSIONS = 20_000;

/** What was found, before anything of it is read. */
interface Handed {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'archive' | 'other';
  /** The folder in which it was handed in: its links must stay there. */
  readonly within: string | null;
}

export interface LoadedSubmissions {
  readonly submissions: readonly Submission[];
  /** Files that are no submissions. */
  readonly ignored: readonly string[];
}

/**
 * Reads what was submitted, for a course by the names that it wants. A file, an archive, and a folder with main.py or
 * __main__.py is one submission each. Every other folder that is named is a folder of submissions: each file, folder and
 * archive in it is one.
 * @throws InputError only for what the command line names wrongly; the fault of one submission is in its `fault`
 */
export async function loadSubmissions(
  paths: readonly string[],
  handIn: HandIn | null = null,
): Promise<LoadedSubmissions> {
  const handed = new Map<string, Handed>();
  const ignored: string[] = [];
  for (const path of paths) {
    for (const one of await expand(path, ignored, handIn)) handed.set(normalize(one.path), one);
  }
  if (handed.size > MAX_SUBMISSIONS) throw new InputError(`more than ${MAX_SUBMISSIONS} submissions`);
  const labels = labelsOf([...handed.keys()]);
  const submissions: Submission[] = [];
  for (const [index, [path, one]] of [...handed].entries()) {
    submissions.push({
      label: labels[index] ?? path,
      path,
      expectation: null,
      ...(await readHanded(one, handIn)),
    });
  }
  return { submissions, ignored };
}

async function expand(path: string, ignored: string[], handIn: HandIn | null): Promise<Handed[]> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new InputError(`${path}: no such submission`);
  if (!found.isDirectory()) {
    if (isArchive(path)) return [{ path, kind: 'archive', within: null }];
    if (path.endsWith('.py') || handIn?.kind === 'answers') return [{ path, kind: 'file', within: null }];
    throw new InputError(`${path}: a submission is a .py file, a .zip, or a folder`);
  }
  const names = await readdir(path);
  if (isOne(names, handIn)) return [{ path, kind: 'folder', within: null }];
  const inside = await handedIn(path, names, ignored);
  if (inside.length === 0) throw new InputError(`${path}: the folder contains no .py file, folder or .zip`);
  return inside;
}

/** Whether a folder with these names is one submission. */
function isOne(names: readonly string[], handIn: HandIn | null): boolean {
  if (handIn?.kind === 'answers') return areAnswers(names, handIn);
  const starting = handIn === null ? ['main.py', '__main__.py'] : handIn.files;
  return starting.some((name) => names.includes(name));
}

/** The files, folders and archives of a folder of submissions, in the order of their names. */
async function handedIn(folder: string, names: readonly string[], ignored: string[]): Promise<Handed[]> {
  const all: Handed[] = [];
  for (const name of names.filter((one) => !isIgnoredName(one)).sort(compareNames)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found?.isDirectory() === true) all.push({ path, kind: 'folder', within: folder });
    else if (isArchive(name)) all.push({ path, kind: 'archive', within: folder });
    else if (name.endsWith('.py'))
      all.push({ path, kind: found?.isFile() === true ? 'file' : 'other', within: folder });
    else ignored.push(path);
  }
  return all;
}

/** Reads one submission, whose faults are its own. */
async function readHanded(
  handed: Handed,
  handIn: HandIn | null,
): Promise<Pick<Submission, 'program' | 'fault'>> {
  try {
    await assertWithin(handed);
    return { program: await programOf(handed.path, handed.kind, { handIn }), fault: null };
  } catch (error) {
    return { program: null, fault: faultOf(error, handed.path) };
  }
}

/** One line without the path, which the row shows already. */
function faultOf(error: unknown, path: string): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.startsWith(`${path}: `)
    ? message.slice(path.length + 2)
    : message.replaceAll(`${path}/`, '');
}

/**
 * @param options.root the folder that links in a folder must not leave; by default the folder itself
 * @throws InputError that says what is wrong with it
 */
export async function programOf(
  path: string,
  kind: Handed['kind'],
  { handIn, root }: { readonly handIn: HandIn | null; readonly root?: string },
): Promise<SubmittedProgram> {
  if (kind === 'folder') return folderProgram(path, { handIn, root });
  if (kind === 'archive') return archiveProgram(path, handIn);
  if (handIn?.kind === 'answers') return answersOf([await programFile(path)], handIn, path);
  const [only, ...more] = handIn?.files ?? [];
  return fileProgram(path, only !== undefined && more.length === 0 ? only : basename(path));
}

const archiveProgram = (path: string, handIn: HandIn | null): Promise<SubmittedProgram> =>
  withUnpacked(path, (folder) => folderProgram(folder, { handIn }));

/**
 * The files of a folder or an archive as they are, whatever starts.
 * @throws InputError for links that leave it, and for more than a submission may have
 */
export const filesOf = (path: string): Promise<readonly ProgramFile[]> =>
  isArchive(path) ? withUnpacked(path, filesOfFolder) : filesOfFolder(path);

/** Errors name files as they are in the archive. */
async function withUnpacked<T>(path: string, read: (folder: string) => Promise<T>): Promise<T> {
  const folder = await unpackArchive(path, SUBMISSION_ARCHIVE);
  try {
    return await read(folder);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new InputError(message.replaceAll(`${folder}/`, '').replace(`${folder}: `, ''), { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * A student may put links into a submitted folder. A link to an answer or a key would leak the file line by
 * line in tracebacks, and a link to another student's solution would pass as their own.
 */
async function assertWithin({ path, within }: Handed): Promise<void> {
  if (within === null) return;
  const root = await realpath(within);
  const real = await realpath(path).catch(() => null);
  if (real?.startsWith(`${root}${sep}`) !== true)
    throw new InputError(`${path}: is a link that leads out of ${within}`);
}

/** The name alone where no other has it. */
function labelsOf(paths: readonly string[]): string[] {
  const count = new Map<string, number>();
  for (const path of paths) count.set(basename(path), (count.get(basename(path)) ?? 0) + 1);
  return paths.map((path) => (count.get(basename(path)) === 1 ? basename(path) : path));
}

/** One submission of a known path, as a class with a folder for each student has them; null where nothing lies there. */
export async function loadOne(
  folder: string,
  name: string,
  label: string,
  handIn: HandIn | null = null,
): Promise<Submission | null> {
  for (const [ending, kind] of [
    ['', 'folder'],
    ['.py', 'file'],
    ['.zip', 'archive'],
  ] as const) {
    const path = join(folder, `${name}${ending}`);
    const found = await stat(path).catch(() => null);
    if (found === null || found.isDirectory() !== (kind === 'folder')) continue;
    return { label, path, expectation: null, ...(await readHanded({ path, kind, within: folder }, handIn)) };
  }
  return null;
}
