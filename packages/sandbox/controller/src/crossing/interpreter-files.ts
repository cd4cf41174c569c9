import { type BigIntStats, closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { errorCode, messageOf } from '@sandpiper/contracts';
import { PYPY3_PATH } from '@sandpiper/guest';
import { RunRefusedError } from './refused.js';
import { type Interpreter, LIBRARY_FOLDERS } from './engines.js';

/**
 * The glibc loader, which the shim is made for. A loader that does not preload it would start the program
 * unlocked.
 */
const LOADER = 'ld-linux-x86-64.so.2';

/** Files that passed the checks, by path, with their stamps. Only files of this node's configuration. */
const right = new Map<string, string>();

/**
 * The keeper checks again right before it executes the file (native/keeper/program.c): this check explains
 * why.
 * @throws RunRefusedError when the files of an interpreter are not what they must be
 */
export function assertInterpreterFiles(interpreter: Interpreter): void {
  if (interpreter.engine === 'seccomp') {
    assertProgram(PYPY3_PATH);
    return;
  }
  const { executable, library } = interpreter;
  assertProgram(executable);
  if (look(library)?.isDirectory() !== true) {
    throw new RunRefusedError(`${library}: no such folder`);
  }
  for (const name of LIBRARY_FOLDERS) {
    if (look(join(library, name))?.isDirectory() !== true) {
      throw new RunRefusedError(
        `${library}: is not the library of a PyPy: it has no folder ${name} (it holds ${LIBRARY_FOLDERS.join(' and ')})`,
      );
    }
  }
}

/** Follows links. @throws RunRefusedError unless it is a program that the sandbox can be preloaded into */
export function assertProgram(executable: string): void {
  const program = look(executable);
  if (program === undefined) throw new RunRefusedError(`${executable}: no such file`);
  const stamp = stampOf(program);
  if (right.get(executable) === stamp) return;
  right.delete(executable);
  if (!program.isFile() || (program.mode & 0o111n) === 0n) {
    throw new RunRefusedError(`${executable}: is not an executable file`);
  }
  assertLoader(executable);
  right.set(executable, stamp);
}

/** Changes when the file at a path is written or replaced. */
export function stampOfFile(path: string): string {
  return stampOf(statSync(path, { bigint: true }));
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

function look(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch (error) {
    const code = errorCode(error) ?? messageOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new RunRefusedError(`${path}: cannot be inspected: ${code}`);
  }
}

/** The sandbox is preloaded, so a program without a loader would run without it: the ELF header tells. */
function assertLoader(executable: string): void {
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
