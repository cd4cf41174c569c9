import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { errorCode } from '@sandpiper/contracts';
import { InputError } from '../files/errors.js';
import { compareNames, isIgnoredName } from '../files/names.js';

/** Deeper nesting is a mistake, or a loop of links. */
const MAX_DEPTH = 32;
/** Of one problem. */
export const MAX_TESTS = 250_000;

/** What belongs to a test beside its input and answer, for people and statements. */
const FOR_PEOPLE =
  /\.(desc|hint|png|jpe?g|svg|out|interaction|statement|download|in\.statement|ans\.statement|in\.download|ans\.download|md|txt|tex)$/;

export interface ListedTest {
  readonly stem: string;
  readonly hasYaml: boolean;
  readonly hasFiles: boolean;
}

/** A folder of test data as it lies on the disk. */
export interface ListedFolder {
  readonly path: string;
  /** Below the package: `data/secret`. */
  readonly name: string;
  readonly tests: readonly ListedTest[];
  readonly folders: readonly ListedFolder[];
  readonly hasTestdataYaml: boolean;
  readonly hasTestGroupYaml: boolean;
}

export interface ListingBounds {
  /** Links may lead anywhere below this folder, which is a real path. */
  readonly root: string;
  /** Told of each file that is not looked at. */
  readonly onIgnored: (path: string) => void;
  /** The folders that are looked into at the top; all where it is absent. */
  readonly only?: ReadonlySet<string>;
}

/** @throws InputError for an input without an answer, an answer without an input, and a link that leads out */
export async function listFolder(
  path: string,
  name: string,
  bounds: ListingBounds,
  depth = 0,
): Promise<ListedFolder> {
  if (depth > MAX_DEPTH) throw new InputError(`${path}: folders are nested more than ${MAX_DEPTH} deep`);
  const { files, folders } = await entriesOf(path, bounds);
  const tests = pairedTests(path, files, folders, depth);
  const stems = new Set(tests.map((test) => test.stem));
  for (const file of files) if (!isKnown(file, stems)) bounds.onIgnored(join(path, file));
  const below: ListedFolder[] = [];
  for (const folder of folders) {
    if (depth === 0 && bounds.only?.has(folder) === false) continue;
    if (stems.has(folder))
      throw new InputError(`${join(path, folder)}: a test and a folder have the same name`);
    if (folder.endsWith('.files') && stems.has(folder.slice(0, -'.files'.length))) continue;
    below.push(await listFolder(join(path, folder), `${name}/${folder}`, bounds, depth + 1));
  }
  return {
    path,
    name,
    tests,
    folders: below,
    hasTestdataYaml: files.has('testdata.yaml'),
    hasTestGroupYaml: files.has('test_group.yaml'),
  };
}

async function entriesOf(
  path: string,
  { root, onIgnored }: ListingBounds,
): Promise<{ files: ReadonlySet<string>; folders: readonly string[] }> {
  const files = new Set<string>();
  const folders: string[] = [];
  for (const entry of await listed(path)) {
    const { name } = entry;
    if (isIgnoredName(name)) {
      if (name.includes('\uFFFD')) onIgnored(join(path, name));
      continue;
    }
    const kind = await kindOf(entry, join(path, name), root);
    if (kind === 'file') files.add(name);
    else if (kind === 'folder') folders.push(name);
    else throw new InputError(`${join(path, name)}: is not a regular file`);
  }
  return { files, folders: folders.sort(compareNames) };
}

async function listed(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (cause) {
    throw new InputError(`${path}: cannot be read (${errorCode(cause) ?? 'unknown error'})`, { cause });
  }
}

async function kindOf(entry: Dirent, path: string, root: string): Promise<'file' | 'folder' | 'other'> {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  if (!entry.isSymbolicLink()) return 'other';
  const real = await realpath(path).catch(() => null);
  if (real === null || !`${real}${sep}`.startsWith(`${root}${sep}`)) {
    throw new InputError(`${path}: is a link that leads out of ${root}`);
  }
  const found = await stat(real);
  if (found.isFile()) return 'file';
  return found.isDirectory() ? 'folder' : 'other';
}

function pairedTests(
  path: string,
  files: ReadonlySet<string>,
  folders: readonly string[],
  depth: number,
): ListedTest[] {
  const tests: ListedTest[] = [];
  for (const folder of folders) {
    if (/\.(in|ans)$/.test(folder)) throw new InputError(`${join(path, folder)}: is a folder, not a file`);
  }
  for (const file of [...files].sort(compareNames)) {
    const ending = /\.(in|ans)$/.exec(file)?.[0];
    if (ending === undefined) continue;
    const stem = file.slice(0, -ending.length);
    if (depth === 0) throw new InputError(`${join(path, file)}: tests lie in data/sample and data/secret`);
    if (ending === '.in') {
      if (!files.has(`${stem}.ans`))
        throw new InputError(`${join(path, file)}: has no answer file ${stem}.ans`);
      const hasFiles = folders.includes(`${stem}.files`);
      tests.push({ stem, hasYaml: files.has(`${stem}.yaml`), hasFiles });
    } else if (!files.has(`${stem}.in`)) {
      throw new InputError(`${join(path, file)}: has no input file ${stem}.in`);
    }
  }
  return tests.sort((a, b) => compareNames(a.stem, b.stem));
}

function isKnown(file: string, stems: ReadonlySet<string>): boolean {
  if (file === 'testdata.yaml' || file === 'test_group.yaml') return true;
  if (/\.(in|ans)$/.test(file) || FOR_PEOPLE.test(file)) return true;
  return file.endsWith('.yaml') && stems.has(file.slice(0, -'.yaml'.length));
}

export function countTests(folder: ListedFolder): number {
  return folder.folders.reduce((sum, below) => sum + countTests(below), folder.tests.length);
}
