import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { errorCode, messageOf } from '@sandpiper/contracts';
import { hostPath, realIn } from '@sandpiper/kernel';
import { RunRefusedError } from './refused.js';

/**
 * The glibc loader, which the shim is made for. A loader that does not preload it would start the program
 * unlocked.
 */
const LOADER = 'ld-linux-x86-64.so.2';

/** Where loaders of a root look for libraries: Debian's folders, then those of other distributions. */
const LIBRARY_PATH = [
  '/lib/x86_64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/lib64',
  '/usr/lib64',
  '/lib',
  '/usr/lib',
];

/**
 * The words that start a program of a root by the root's own loader: the loader's path and its options. Without them the
 * kernel would take the host's loader and its library. The host's cache of libraries is not used.
 * @param executable its path on the host, without links
 */
export function findLoader(root: string, executable: string): readonly string[] {
  const named = readLoader(executable);
  if (named === null || basename(named) !== LOADER) {
    assertLoader(executable);
    throw new RunRefusedError(`${executable}: has no loader`);
  }
  const path = hostPath(root, realIn(root, named));
  // Loaders of another name, such as ld-2.31.so, are of a glibc that cannot set a program's name (--argv0).
  if (basename(path) !== LOADER)
    throw new RunRefusedError(`${path}: is the loader of a glibc before 2.34, which a root needs at least`);
  const folders = LIBRARY_PATH.filter((folder) => existsSync(hostPath(root, folder))).map((folder) =>
    hostPath(root, realIn(root, folder)),
  );
  return [path, '--inhibit-cache', '--library-path', [...new Set(folders)].join(':')];
}

/** The sandbox is preloaded, so a program without a loader would run without it: the ELF header tells. */
export function assertLoader(executable: string): void {
  const loader = readLoader(executable);
  if (loader === null) {
    throw new RunRefusedError(
      `${executable}: is statically linked: the sandbox is preloaded and needs a dynamically linked program`,
    );
  }
  if (basename(loader) !== LOADER) {
    throw new RunRefusedError(
      `${executable}: is loaded by ${JSON.stringify(loader.slice(0, 80))}, not by glibc's ${LOADER}`,
    );
  }
}

/** What elf(5) calls a program's interpreter, from its PT_INTERP header; null when it has none. */
function readLoader(executable: string): string | null {
  const HEADER_BYTES = 64;
  const ENTRY_BYTES = 56;
  const MAX_ENTRIES = 64;
  const PT_INTERP = 3;
  const fd = openToRead(executable);
  try {
    const header = readAt(fd, 0, HEADER_BYTES);
    if (!isProgram(header)) {
      throw new RunRefusedError(`${executable}: is not a program for Linux on x86-64`);
    }
    const count = Math.min(header.readUInt16LE(56), MAX_ENTRIES);
    const table = readAt(fd, Number(header.readBigUInt64LE(32)), count * ENTRY_BYTES);
    for (let at = 0; at + ENTRY_BYTES <= table.length; at += ENTRY_BYTES) {
      if (table.readUInt32LE(at) !== PT_INTERP) continue;
      const size = Number(table.readBigUInt64LE(at + 32));
      const path = readAt(fd, Number(table.readBigUInt64LE(at + 8)), Math.min(size, 4096));
      return path.toString('latin1').replace(/\0.*$/s, '');
    }
    return null;
  } finally {
    closeSync(fd);
  }
}

/** A 64-bit ELF file, little-endian, ET_EXEC or ET_DYN, for x86-64. */
function isProgram(header: Buffer): boolean {
  if (header.length < 64 || header.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return false;
  return [2, 3].includes(header.readUInt16LE(16)) && header.readUInt16LE(18) === 62;
}

function openToRead(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new RunRefusedError(`${path}: is not readable: ${errorCode(error) ?? messageOf(error)}`);
  }
}

/** Fewer bytes where the file ends; none where the position is invalid. */
function readAt(fd: number, position: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  if (size === 0 || !Number.isSafeInteger(position)) return bytes.subarray(0, 0);
  return bytes.subarray(0, readSync(fd, bytes, 0, size, position));
}
