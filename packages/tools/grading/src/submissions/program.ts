import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { REQUEST_BOUNDS } from '@sandpiper/contracts';
import { boundedSize } from '../files/bounded.js';
import { InputError } from '../files/errors.js';
import { type BelowBounds, filesBelow } from '../files/files-below.js';
import { answersOf } from './answers.js';
import type { HandedModules, HandIn } from './hand-in.js';
import type { ProgramFile, SubmittedProgram } from './submitted-program.js';

/** A body must hold the whole program. */
const MAX_PROGRAM_BYTES = REQUEST_BOUNDS.sourceBytes;
/** Of one student: a run has the tests and what the course includes, too. */
const MAX_COURSE_FILES = 300;

/** @throws InputError when it is no regular file, or too large */
export async function programFile(path: string): Promise<ProgramFile> {
  await boundedSize(path, MAX_PROGRAM_BYTES);
  return { name: basename(path), bytes: await readFile(path) };
}

/** A program of one file. @throws InputError when it is no regular file, or too large */
export async function fileProgram(path: string, name: string): Promise<SubmittedProgram> {
  const { bytes } = await programFile(path);
  const program = { entry: name, files: [{ name, bytes }] };
  assertPython3(program, path);
  return program;
}

export interface FolderOptions {
  /** The file that starts, where one is named. */
  readonly entry?: string | null;
  /** The folder that links must not leave; by default the one that is read. */
  readonly root?: string | undefined;
  /** What is submitted where that is no program that starts by itself. */
  readonly handIn?: HandIn | null;
}

/**
 * A folder is one program: `__main__.py` starts it, or `main.py`, or the only file, or the only one that no other imports.
 * @throws InputError that says what is wrong with the folder
 */
export async function folderProgram(
  folder: string,
  { entry = null, root, handIn = null }: FolderOptions = {},
): Promise<SubmittedProgram> {
  const maxFiles = handIn?.kind === 'modules' ? MAX_COURSE_FILES : REQUEST_BOUNDS.files;
  return programOfFiles(await filesOfFolder(folder, { maxFiles, root }), { entry, handIn }, folder);
}

/**
 * All files below a folder.
 * @throws InputError for links that leave it, and for more than a submission may have
 */
export async function filesOfFolder(
  folder: string,
  bounds: BelowBounds = { maxFiles: REQUEST_BOUNDS.files },
): Promise<ProgramFile[]> {
  let total = 0;
  const files: ProgramFile[] = [];
  for (const { name, path } of await filesBelow(folder, bounds)) {
    total += await boundedSize(path, MAX_PROGRAM_BYTES);
    if (total > MAX_PROGRAM_BYTES)
      throw new InputError(`${folder}: is larger than ${MAX_PROGRAM_BYTES / 2 ** 20} MiB`);
    files.push({ name, bytes: await readFile(path) });
  }
  return files;
}

/**
 * The program that files are, by the same rules.
 * @param where names them in errors
 * @throws InputError that says what is wrong with them
 */
export function programOfFiles(
  files: readonly ProgramFile[],
  { entry = null, handIn = null }: Pick<FolderOptions, 'entry' | 'handIn'>,
  where: string,
): SubmittedProgram {
  if (handIn?.kind === 'answers') return answersOf(files, handIn, where);
  if (handIn !== null && files.length > MAX_COURSE_FILES)
    throw new InputError(`${where}: contains more than ${MAX_COURSE_FILES} files`);
  const program = handIn === null ? rooted(where, files, entry) : handedIn(where, files, handIn);
  assertPython3(program, where);
  return program;
}

/** Many archives and folders have one folder at the top, in which the program lies: its modules import from there. */
function rooted(folder: string, files: readonly ProgramFile[], entry: string | null): SubmittedProgram {
  if (entry !== null) {
    if (files.some(({ name }) => name === entry)) return { entry, files };
    throw new InputError(`${folder}: has no ${entry}, which is to start it`);
  }
  const python = files.filter(({ name }) => name.endsWith('.py'));
  if (python.length === 0) throw new InputError(`${folder}: the folder contains no .py file`);
  const depth = Math.min(...python.map(({ name }) => name.split('/').length));
  const top = python.filter(({ name }) => name.split('/').length === depth);
  const prefix = top[0]?.name.slice(0, top[0].name.lastIndexOf('/') + 1) ?? '';
  if (top.some(({ name }) => name.slice(0, name.lastIndexOf('/') + 1) !== prefix)) {
    throw new InputError(`${folder}: contains several folders with .py files, and none beside them to start`);
  }
  const below = files.flatMap(({ name, bytes }) =>
    name.startsWith(prefix) ? [{ name: name.slice(prefix.length), bytes }] : [],
  );
  const names = top.map(({ name }) => name.slice(prefix.length));
  return { entry: entryOf(folder, names, below), files: below };
}

/** The files of a course, at the top or in the one folder that holds them all. */
function handedIn(
  folder: string,
  files: readonly ProgramFile[],
  { files: wanted }: HandedModules,
): SubmittedProgram {
  if (!files.some(({ name }) => name.endsWith('.py')))
    throw new InputError(`${folder}: the folder contains no .py file`);
  const prefix = /^[^/]+\//.exec(files[0]?.name ?? '')?.[0] ?? '';
  const isNested = prefix !== '' && files.every(({ name }) => name.startsWith(prefix));
  const isAtTop = wanted.some((one) => files.some(({ name }) => name === one));
  const below =
    isNested && !isAtTop
      ? files.map(({ name, bytes }) => ({ name: name.slice(prefix.length), bytes }))
      : files;
  const first = below.find(({ name }) => name.endsWith('.py'))?.name ?? '';
  return { entry: wanted.find((one) => below.some(({ name }) => name === one)) ?? first, files: below };
}

function entryOf(folder: string, names: readonly string[], files: readonly ProgramFile[]): string {
  for (const usual of ['__main__.py', 'main.py']) if (names.includes(usual)) return usual;
  const [first = ''] = names;
  if (names.length === 1) return first;
  const imported = new Set(files.flatMap((file) => importsOf(file.bytes)));
  const starting = names.filter(
    (name) => name !== '__init__.py' && !imported.has(name.slice(0, -'.py'.length)),
  );
  const [only] = starting;
  if (only !== undefined && starting.length === 1) return only;
  const listed = (starting.length === 0 ? names : starting).slice(0, 3).join(', ');
  throw new InputError(
    `${folder}: which of its files starts is not clear (${listed}); name one main.py or __main__.py`,
  );
}

/** Names of modules in lines that import; a guess is enough, since it only tells helpers from programs. */
function importsOf(bytes: Buffer): string[] {
  const names: string[] = [];
  for (const [, from, list] of bytes
    .toString('latin1')
    .matchAll(/^[ \t]*(?:from[ \t]+\.?(\w+)|import[ \t]+([\w \t.,]+))/gm)) {
    if (from !== undefined) names.push(from);
    for (const part of (list ?? '').split(',')) names.push(/^[ \t]*(\w+)/.exec(part)?.[1] ?? '');
  }
  return names;
}

/** The format tells the Python of a file by its first line. */
function assertPython3({ entry, files }: SubmittedProgram, path: string): void {
  const bytes =
    files
      .find(({ name }) => name === entry)
      ?.bytes.subarray(0, 200)
      .toString('latin1') ?? '';
  if (/^#!.*python2/.test(bytes)) throw new InputError(`${path}: asks for Python 2, which is not offered`);
}

/** Puts files of the package over those of a program, as `include/` asks: a driver may have the name of the entry. */
export function withIncluded(program: SubmittedProgram, included: readonly ProgramFile[]): SubmittedProgram {
  if (included.length === 0) return program;
  const names = new Set(included.map(({ name }) => name));
  const driver = ['__main__.py', 'main.py'].find((name) => names.has(name));
  return { entry: driver ?? program.entry, files: withGiven(program.files, included) };
}

/** Files that are given in place of those of the same name; one that would be a folder of a given file has no place. */
export function withGiven(
  files: readonly ProgramFile[],
  given: readonly ProgramFile[],
): readonly ProgramFile[] {
  if (given.length === 0) return files;
  const names = new Set(given.map(({ name }) => name));
  const folders = new Set([...names].flatMap(foldersOf));
  const isFree = (name: string): boolean =>
    !names.has(name) && !folders.has(name) && !foldersOf(name).some((folder) => names.has(folder));
  return [...files.filter(({ name }) => isFree(name)), ...given];
}

/** `a/b/c.py`: `a` and `a/b`. */
function foldersOf(name: string): string[] {
  const parts = name.split('/');
  return parts.slice(1).map((_, n) => parts.slice(0, n + 1).join('/'));
}
