import { readFile, stat } from 'node:fs/promises';
import { errorCode } from '@sandpiper/contracts';
import { InputError } from './errors.js';

/** @throws InputError when `path` does not exist or is not a folder */
export async function assertFolder(path: string, what: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new InputError(`${path}: no such ${what}`);
  if (!found.isDirectory()) throw new InputError(`${path}: is not a folder; a ${what} must be one`);
}

export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() === true;
}

export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() === true;
}

/**
 * The size of a regular file, checked before anything is read.
 * @throws InputError when it is missing, not a regular file, or too large
 */
export async function boundedSize(file: string, maxBytes: number): Promise<number> {
  const found = await stat(file).catch(() => null);
  if (found === null) throw new InputError(`${file}: no such file`);
  if (found.isDirectory()) throw new InputError(`${file}: is a folder, not a file`);
  if (!found.isFile()) throw new InputError(`${file}: is not a regular file`);
  if (found.size > maxBytes) {
    throw new InputError(
      `${file}: is too large (${mebibytes(found.size)} MiB, at most ${mebibytes(maxBytes)} MiB)`,
    );
  }
  return found.size;
}

/**
 * Reads a regular file; checks its size first, so that a huge file is refused without reading it.
 * @throws InputError when it is missing, not a regular file, too large, or unreadable
 */
export async function readBounded(file: string, maxBytes: number): Promise<Buffer> {
  await boundedSize(file, maxBytes);
  try {
    return await readFile(file);
  } catch (cause) {
    throw new InputError(`${file}: cannot be read (${errorCode(cause) ?? 'unknown error'})`, { cause });
  }
}

function mebibytes(bytes: number): string {
  return (bytes / (1024 * 1024)).toFixed(bytes % (1024 * 1024) === 0 ? 0 : 1);
}
