import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { boundedSize } from './bounded.js';
import { InputError } from './errors.js';
import { isIgnoredName } from './names.js';

const MIB = 1024 * 1024;

export interface ArchiveBounds {
  readonly fileBytes: number;
  readonly entries: number;
  readonly unpackedBytes: number;
}

/** A problem of 100 MiB is large; the tests of one rarely exceed a gibibyte. */
export const PROBLEM_ARCHIVE: ArchiveBounds = {
  fileBytes: 512 * MIB,
  entries: 250_000,
  unpackedBytes: 2048 * MIB,
};

/** What one student hands in. */
export const SUBMISSION_ARCHIVE: ArchiveBounds = {
  fileBytes: 16 * MIB,
  entries: 5_000,
  unpackedBytes: 64 * MIB,
};

const SYMBOLIC_LINK = 0o120000;
const FILE_TYPE = 0o170000;
const ENCRYPTED = 1;

export function isArchive(path: string): boolean {
  return /\.(zip|kpp)$/i.test(path);
}

/**
 * Unpacks an archive into a folder of its own below `within`, which the caller removes. Names that lead out of it, links, encrypted
 * entries and more than the bounds are refused, and what an entry says of its size is checked against what comes.
 * @throws InputError that names the archive and the entry
 */
export async function unpackArchive(file: string, bounds: ArchiveBounds, within = tmpdir()): Promise<string> {
  await boundedSize(file, bounds.fileBytes);
  const folder = await mkdtemp(join(within, 'sandpiper-archive-'));
  try {
    await unpackAll(file, folder, bounds);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error instanceof InputError ? error : fault(file, error);
  }
  return folder;
}

async function unpackAll(file: string, folder: string, bounds: ArchiveBounds): Promise<void> {
  const zip = await openPromise(file, { lazyEntries: true, autoClose: false });
  try {
    if (zip.entryCount > bounds.entries) {
      throw new InputError(`${file}: has ${zip.entryCount} entries, at most ${bounds.entries}`);
    }
    const seen = new Set<string>();
    let unpacked = 0;
    for await (const entry of zip.eachEntry()) {
      assertPlain(entry, file);
      unpacked += entry.uncompressedSize;
      if (unpacked > bounds.unpackedBytes) {
        throw new InputError(`${file}: unpacks to more than ${bounds.unpackedBytes / MIB} MiB`);
      }
      const name = entry.fileName.replace(/\/+$/, '');
      if (seen.has(name)) throw new InputError(`${file}: contains ${JSON.stringify(name)} twice`);
      seen.add(name);
      await unpackEntry(zip, entry, file, join(folder, name));
    }
  } finally {
    zip.close();
  }
}

function assertPlain(entry: Entry, file: string): void {
  const what = `${file}: ${JSON.stringify(entry.fileName)}`;
  if (((entry.externalFileAttributes >>> 16) & FILE_TYPE) === SYMBOLIC_LINK) {
    throw new InputError(`${what} is a link, and an archive may have none`);
  }
  if ((entry.generalPurposeBitFlag & ENCRYPTED) !== 0) throw new InputError(`${what} is encrypted`);
  const parts = entry.fileName.replace(/\/+$/, '').split('/');
  const isWrong = (part: string): boolean =>
    part === '' || part === '.' || part === '..' || part.includes('\0');
  if (parts.some(isWrong)) throw new InputError(`${what} is not a path below the archive`);
  if (parts.some((part) => Buffer.byteLength(part) > 255)) throw new InputError(`${what} is too long a name`);
}

async function unpackEntry(zip: ZipFile, entry: Entry, file: string, to: string): Promise<void> {
  try {
    if (entry.fileName.endsWith('/')) {
      await mkdir(to, { recursive: true });
      return;
    }
    await mkdir(dirname(to), { recursive: true });
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(to, { flags: 'wx' }));
  } catch (error) {
    throw fault(`${file}: ${JSON.stringify(entry.fileName)}`, error);
  }
}

function fault(what: string, cause: unknown): InputError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new InputError(`${what}: cannot be unpacked: ${why}`, { cause });
}

/**
 * The folder that an archive holds: many have one folder at the top and everything in it. `isWanted` tells whether a
 * folder is the one itself.
 */
export async function topFolder(
  folder: string,
  isWanted: (folder: string) => Promise<boolean>,
): Promise<string> {
  if (await isWanted(folder)) return folder;
  const names = (await readdir(folder)).filter((name) => !isIgnoredName(name));
  const [only] = names;
  if (only === undefined || names.length > 1) return folder;
  const below = join(folder, only);
  return (await stat(below)).isDirectory() ? below : folder;
}
