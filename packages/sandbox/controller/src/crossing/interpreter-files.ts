import { type BigIntStats, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, messageOf } from '@sandpiper/contracts';
import { RunRefusedError } from './refused.js';
import { engineTraits, type Interpreter, LIBRARY_FOLDERS } from './engines.js';
import { assertLoader } from './loader.js';

/** Files that passed the checks, by path, with their stamps. Only files of this node's configuration. */
const right = new Map<string, string>();

/**
 * The keeper checks again right before it executes the file (native/keeper/program.c): this check explains
 * why.
 * @throws RunRefusedError when the files of an interpreter are not what they must be
 */
export function assertInterpreterFiles(interpreter: Interpreter): void {
  if (interpreter.engine === 'seccomp') {
    const { executable, loader } = engineTraits(interpreter);
    assertProgram(executable);
    if (loader?.[0] !== undefined && look(loader[0]) === undefined)
      throw new RunRefusedError(`${loader[0]}: no such file`);
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
