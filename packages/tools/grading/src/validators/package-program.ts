import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { REQUEST_BOUNDS } from '@sandpiper/contracts';
import { boundedSize, isFile } from '../files/bounded.js';
import { InputError, NotDoneError } from '../files/errors.js';
import { filesBelow, type FoundFile } from '../files/files-below.js';
import { bytesWithConstants, type Constants } from '../package/constants.js';
import { fileProgram, folderProgram } from '../submissions/program.js';
import type { ProgramFile, SubmittedProgram } from '../submissions/submitted-program.js';
import { type Compiler, isNativeSource } from './native/compiler.js';
import { nativeProgram } from './native/native-program.js';

export interface ProgramOptions {
  /** The folder of the package, which links must not leave. */
  readonly root: string;
  readonly constants: Constants;
  /** null: sources that must be compiled are refused. */
  readonly compiler: Compiler | null;
}

/** Says how to allow what {@link ProgramOptions.compiler} is for. */
const COMPILE_HINT = 'is compiled only where --compile or SANDPIPER_COMPILE=1 allows it';

const isHeader = (name: string): boolean => /\.(h|hh|hpp|hxx|h\+\+|inl|ipp|tcc)$/i.test(name);
const isPython = (name: string): boolean => /\.py3?$/.test(name);
/** Languages of the format that need an interpreter or a compiler which is not here. */
const FOREIGN = /\.(java|kt|rs|go|sh|bash|cs|hs|pl|rb|js|ts|php|scala|swift|d|ml|pas|adb|py2|exe|jar|class)$/;

/** Whether a name among programs belongs to the one beside it: a header is no program. */
export const isBesideProgram = isHeader;

/**
 * A validator of a package, in Python, C or C++, as a program for the sandbox: a file or a folder.
 * @throws InputError that names the file for what is in another language, or has to be built by a script
 */
export async function loadPackageProgram(path: string, options: ProgramOptions): Promise<SubmittedProgram> {
  return (await isFile(path)) ? fromFile(path, options) : fromFolder(path, options);
}

async function fromFile(path: string, options: ProgramOptions): Promise<SubmittedProgram> {
  const name = basename(path);
  if (isNativeSource(name)) {
    // Some packages have headers beside the one source.
    const beside = await filesBelow(dirname(path), { maxFiles: REQUEST_BOUNDS.files, root: options.root });
    const found = beside.filter((file) => file.name === name || isHeader(file.name));
    return compiled(path, path, found, options);
  }
  if (!isPython(name)) throw new NotDoneError(`${path}: only validators in Python, C and C++ are run here`);
  return withConstantsIn(await fileProgram(path, name), options);
}

async function fromFolder(path: string, options: ProgramOptions): Promise<SubmittedProgram> {
  const found = await filesBelow(path, { maxFiles: REQUEST_BOUNDS.files, root: options.root });
  const has = (name: string): boolean => found.some((file) => file.name === name);
  if (has('build'))
    throw new NotDoneError(`${join(path, 'build')}: scripts that build a validator are not run here`);
  if (has('run')) {
    await assertPythonScript(join(path, 'run'));
    return withConstantsIn(await folderProgram(path, { entry: 'run', root: options.root }), options);
  }
  const foreign = found.find(({ name }) => FOREIGN.test(name));
  if (foreign !== undefined)
    throw new NotDoneError(`${foreign.path}: only validators in Python, C and C++ are run here`);
  const native = found.find(({ name }) => isNativeSource(name));
  if (native === undefined)
    return withConstantsIn(await folderProgram(path, { root: options.root }), options);
  const python = found.find(({ name }) => isPython(name));
  if (python !== undefined) {
    throw new InputError(
      `${path}: contains ${native.name} and ${python.name}; a validator is in one language`,
    );
  }
  return compiled(path, native.path, found, options);
}

/** The one kind of `run` that needs no shell and no program of the host. */
async function assertPythonScript(path: string): Promise<void> {
  await boundedSize(path, REQUEST_BOUNDS.sourceBytes);
  const line = (await readFile(path)).subarray(0, 200).toString('latin1').split('\n')[0] ?? '';
  if (!/^#!.*\b(python3?|pypy3?)(\s|$)/.test(line)) {
    throw new NotDoneError(`${path}: of scripts that run a validator only those in Python are run here`);
  }
}

async function compiled(
  where: string,
  source: string,
  found: readonly FoundFile[],
  { compiler, constants }: ProgramOptions,
): Promise<SubmittedProgram> {
  if (compiler === null) throw new NotDoneError(`${source}: C++ ${COMPILE_HINT}`);
  let total = 0;
  const files: ProgramFile[] = [];
  for (const { name, path } of found) {
    total += await boundedSize(path, REQUEST_BOUNDS.sourceBytes);
    if (total > REQUEST_BOUNDS.sourceBytes)
      throw new InputError(`${where}: is larger than ${REQUEST_BOUNDS.sourceBytes / 2 ** 20} MiB`);
    files.push({ name, bytes: bytesWithConstants(await readFile(path), constants) });
  }
  return nativeProgram(await compiler.compile({ where, files }));
}

function withConstantsIn(
  { entry, files }: SubmittedProgram,
  { constants }: ProgramOptions,
): SubmittedProgram {
  return {
    entry,
    files: files.map(({ name, bytes }) => ({ name, bytes: bytesWithConstants(bytes, constants) })),
  };
}
