import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DEFAULT_RUNTIME, type Runtime, RunRefusedError } from '@sandpiper/controller';
import { InputError } from '@sandpiper/grading/basics';
import { escapeForTerminal } from '../terminal/escape.js';

export interface RuntimeOptions {
  /** A name of the file, or the path of an interpreter. */
  runtime?: string;
  /** Folders of modules. */
  lib?: string[];
}

/** The file that `sandpiper` reads where SANDPIPER_RUNTIMES names none, if it is there. */
const USUAL_FILE = 'sandpiper.runtimes.yaml';

/** The file that describes runtimes; null where there is none. */
export function runtimesFile(): string | null {
  const named = process.env['SANDPIPER_RUNTIMES'] ?? '';
  if (named !== '') return named;
  return existsSync(USUAL_FILE) ? USUAL_FILE : null;
}

/** All runtimes of this host's file. @throws InputError */
export async function knownRuntimes(): Promise<readonly Runtime[]> {
  const file = runtimesFile();
  if (file === null) return [DEFAULT_RUNTIME];
  const { readRuntimes } = await import('@sandpiper/controller/runtimes');
  return told(() => readRuntimes(file));
}

/** The runtime of this name. @throws InputError */
export async function runtimeNamed(name: string): Promise<Runtime> {
  const { findRuntime } = await import('@sandpiper/controller/runtimes');
  const all = await knownRuntimes();
  return told(() => findRuntime(all, name, runtimesFile()));
}

/** The runtime that the options name, with their libraries. Each part is checked. @throws InputError */
export async function chosenRuntime({ runtime, lib = [] }: RuntimeOptions): Promise<Runtime> {
  const file = runtimesFile();
  if (runtime === undefined && lib.length === 0 && file === null) return DEFAULT_RUNTIME;
  const { chooseRuntime } = await import('@sandpiper/controller/runtimes');
  return told(() => chooseRuntime({ file, name: runtime, libraries: lib }));
}

/**
 * The variables by which a node of the same host runs by the runtime that the options name. Each part is checked.
 * @throws InputError
 */
export async function runtimeVariables(options: RuntimeOptions): Promise<Readonly<Record<string, string>>> {
  await chosenRuntime(options);
  const file = runtimesFile();
  const { runtime, lib = [] } = options;
  return {
    ...(file === null ? {} : { SANDPIPER_RUNTIMES: resolve(file) }),
    ...(runtime === undefined
      ? {}
      : { SANDPIPER_RUNTIME: runtime.includes('/') ? resolve(runtime) : runtime }),
    ...(lib.length === 0 ? {} : { SANDPIPER_LIBRARIES: lib.map((path) => resolve(path)).join(':') }),
  };
}

/** What is wrong with a runtime is a fault of the host or the command line. */
async function told<T>(work: () => T): Promise<T> {
  const { RuntimeFileError } = await import('@sandpiper/controller/runtimes');
  try {
    return work();
  } catch (error) {
    if (error instanceof RuntimeFileError || error instanceof RunRefusedError)
      throw new InputError(escapeForTerminal(error.message), { cause: error });
    throw error;
  }
}
