import {
  accessSync,
  constants,
  type Dirent,
  lstatSync,
  opendirSync,
  readdirSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { errorCode, REQUEST_BOUNDS, isInSystemFolder } from '@sandpiper/contracts';
import type { LocalRun } from '@sandpiper/controller';
import { InputError, readBounded } from '@sandpiper/grading/basics';
import { quote } from '../options.js';
import type { NamedFile } from './input.js';

/** The folder of `--folder`: shown to a local run as it lies on the host, or sent to a service as files. */

/** Files, folders and links in a folder that is shown. */
const MAX_ENTRIES = 50_000;

/** Whether a path lies in a folder or is the folder; both absolute. */
export const liesIn = (folder: string, path: string): boolean =>
  path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);

export interface ShownFolder {
  /** As it was given. */
  readonly given: string;
  /** Absolute, as the guest sees it. */
  readonly path: string;
  /** Where it lies on the host, without links: what the guest sees stays even when a link changes. */
  readonly host: string;
}

/** @throws InputError when it is no folder, cannot be read, belongs to the system, or holds too much */
export function openFolder(given: string): ShownFolder {
  const fail = (why: string): never => {
    throw new InputError(`--folder ${quote(given)}: ${why}`);
  };
  const path = resolve(given);
  let host: string;
  let isFolder: boolean;
  try {
    host = realpathSync(path);
    isFolder = statSync(host).isDirectory();
    if (isFolder) accessSync(host, constants.R_OK | constants.X_OK);
  } catch (error) {
    const code = errorCode(error) ?? 'unknown error';
    return fail(code === 'ENOENT' ? 'no such folder' : `cannot be read (${code})`);
  }
  if (!isFolder) return fail('is not a folder');
  if ([path, host].some((place) => place === '/' || isInSystemFolder(place))) {
    return fail('is a system folder; show a folder of your own');
  }
  if (hasMoreEntriesThan(host, MAX_ENTRIES)) {
    return fail(`holds more than ${MAX_ENTRIES} files; show a smaller folder`);
  }
  return { given, path, host };
}

/** Follows no link, and passes over folders that cannot be read. */
function hasMoreEntriesThan(host: string, most: number): boolean {
  let count = 0;
  const open = [host];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    let entries;
    try {
      entries = opendirSync(folder, { bufferSize: 1024 });
    } catch {
      continue;
    }
    try {
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
        if (++count > most) return true;
        if (entry.isDirectory()) open.push(join(folder, entry.name));
      }
    } finally {
      entries.closeSync();
    }
  }
  return false;
}

/** Places of a run that lie in memory, absolute. */
export interface OwnPlaces {
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

/**
 * The mounts that show a folder. A folder that holds places of the run is not mounted whole: it is made in memory, and
 * each of its entries is mounted. So a working folder stays writable, and what is in it on the host is still read-only.
 */
export function mountsOf({ host, path }: ShownFolder, own: OwnPlaces): LocalRun['mounts'] {
  const isInMemory = [...own.folders, ...own.files].some((place) => liesIn(path, place));
  if (!isInMemory) return [{ host, path }];
  return readdirSync(host).flatMap((name) => {
    const entry = { host: join(host, name), path: join(path, name) };
    if (own.files.includes(entry.path)) return [];
    const isFolder = lstatSync(entry.host, { throwIfNoEntry: false })?.isDirectory() === true;
    return isFolder ? mountsOf({ given: '', ...entry }, own) : [entry];
  });
}

/**
 * Whether the guest finds a file of the host in the folder by itself: it lies there, and no link leads to it.
 * @param path absolute, of a file that exists
 */
export function showsFile({ host, path: top }: ShownFolder, path: string): boolean {
  return liesIn(top, path) && realpathSync(path) === join(host, relative(top, path));
}

/**
 * The files of a folder, for a service, with paths below it. A link is sent as the file that it leads to where that lies
 * in the folder too, and left out otherwise; so are `__pycache__` and whatever is no file.
 * @throws InputError when they are too many or too large for one request, or one cannot be read
 */
export async function readFolder({ given, host }: ShownFolder): Promise<NamedFile[]> {
  const files: NamedFile[] = [];
  let bytes = 0;
  for (const name of namesBelow(host, '', given)) {
    const found = resolvedFile(host, join(host, name));
    if (found === null) continue;
    if (files.length >= REQUEST_BOUNDS.files) {
      throw new InputError(
        `--folder ${quote(given)}: holds more than ${REQUEST_BOUNDS.files} files, which is too much for a service`,
      );
    }
    const data = await readBounded(found, REQUEST_BOUNDS.sourceBytes - bytes);
    bytes += data.length;
    files.push({ path: name, data });
  }
  return files;
}

function* namesBelow(host: string, below: string, given: string): Generator<string> {
  for (const entry of entriesOf(host, below, given)) {
    const name = join(below, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== '__pycache__') yield* namesBelow(host, name, given);
    } else yield name;
  }
}

function entriesOf(host: string, below: string, given: string): Dirent[] {
  try {
    return readdirSync(join(host, below), { withFileTypes: true });
  } catch (cause) {
    const why = `${quote(below)} cannot be read (${errorCode(cause) ?? 'unknown error'})`;
    throw new InputError(`--folder ${quote(given)}: ${why}`, { cause });
  }
}

/** Where a file or a link of the folder leads; null where that is no file of the folder. */
function resolvedFile(folder: string, path: string): string | null {
  try {
    const real = realpathSync(path);
    return liesIn(folder, real) && statSync(real).isFile() ? real : null;
  } catch {
    return null;
  }
}
