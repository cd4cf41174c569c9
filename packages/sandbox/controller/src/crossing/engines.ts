import { realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { GuestStart } from '@sandpiper/guest';
import {
  EXTENSION_SUFFIX,
  type HostMount,
  interpreterFiles,
  InterpreterPlaceError,
  libcSurface,
  linuxSurface,
  type Surface,
} from '@sandpiper/kernel';
import type { Dialect, Signature } from '@sandpiper/protocol';
import { RunRefusedError } from './refused.js';
import { findLoader } from './loader.js';
import { DEFAULT_RUNTIME, type Runtime } from './runtime.js';

/** Which interpreter a job is for. Data only: it crosses the thread boundary. */
export type Interpreter = StockInterpreter | TranslatedInterpreter;

export interface StockInterpreter {
  readonly engine: 'seccomp';
  /** Absent: {@link DEFAULT_RUNTIME}. */
  readonly runtime?: Runtime;
}

export const stockRuntime = ({ runtime = DEFAULT_RUNTIME }: StockInterpreter): Runtime => runtime;

/** The name of its runtime, as results and transcripts have it: none for the default one. */
export function runtimeNameOf(interpreter: Interpreter): { readonly runtime?: string } {
  if (interpreter.engine !== 'seccomp') return {};
  const { name } = stockRuntime(interpreter);
  return name === DEFAULT_RUNTIME.name ? {} : { runtime: name };
}

/** Whether two jobs run by the same interpreter with the same libraries. */
export const isSameRuntime = (one: StockInterpreter, other: StockInterpreter): boolean =>
  JSON.stringify(stockRuntime(one)) === JSON.stringify(stockRuntime(other));

/**
 * `executable` is a PyPy translated with `--sandbox`; `library` holds lib-python and lib_pypy. Host paths.
 */
export interface TranslatedInterpreter {
  readonly engine: 'rpython';
  readonly executable: string;
  readonly library: string;
}

/** How the guests of one engine differ from those of another. */
export interface EngineTraits {
  readonly kind: GuestStart['kind'];
  /** On the host. */
  readonly executable: string;
  /** The words before the interpreter's own name, the loader first, where it is started by the loader of its root. */
  readonly loader: readonly string[] | null;
  /** How a parent of the fork server parks; null: it has none. */
  readonly parks: 'pypy' | 'cpython' | null;
  /** Where the guest sees its further folders of modules. */
  readonly libraries: readonly string[];
  /** Variables of the runtime. */
  readonly env: Readonly<Record<string, string>>;
  /** The path that the guest takes for its own: it looks for its library from there. */
  readonly virtualExecutable: string;
  readonly argv0: string;
  readonly mounts: readonly HostMount[];
  readonly dialect: Dialect;
  readonly surface: Surface;
  /** The key of the surface's table. */
  keyOf(signature: Signature): string;
}

/** The contents of a PyPy's library folder. */
export const LIBRARY_FOLDERS = ['lib-python', 'lib_pypy'];
const ADDED_TO_LIB_PYPY = { '_sysconfigdata.py': EXTENSION_SUFFIX };

/** The files of a translated interpreter must exist: see assertInterpreterFiles. */
export function engineTraits(interpreter: Interpreter): EngineTraits {
  if (interpreter.engine === 'seccomp') return stockTraits(stockRuntime(interpreter));
  const { executable, library } = interpreter;
  return {
    kind: 'translated',
    executable,
    loader: null,
    parks: null,
    libraries: [],
    env: {},
    // The library is searched for beside and above the executable, as installed.
    virtualExecutable: '/lib/pypy',
    argv0: '/lib/pypy',
    mounts: [
      // The guest sees the file and the folders, not links that lead to them.
      { host: realpathSync(executable), path: '/lib/pypy' },
      ...LIBRARY_FOLDERS.map((name) => ({
        host: realpathSync(join(library, name)),
        path: `/lib/${name}`,
        ...(name === 'lib_pypy' ? { added: ADDED_TO_LIB_PYPY } : {}),
      })),
    ],
    dialect: 'libc',
    surface: libcSurface,
    keyOf: (signature) => signature.text,
  };
}

/** By their places: all runs of a runtime share its mounts. As many as the configuration names. */
const known = new Map<string, EngineTraits>();

/** @throws RunRefusedError where the interpreter is not there */
function stockTraits({ place, env }: Runtime): EngineTraits {
  const key = JSON.stringify([place, env]);
  let traits = known.get(key);
  if (traits !== undefined) return traits;
  try {
    const { executable, library, libraries, mounts } = interpreterFiles(place);
    const isPypy = /\/(pypy[^/]*|lib-python\/3)$/.test(library);
    const { root, program } = place;
    traits = {
      kind: 'stock',
      executable,
      loader: root === null ? null : findLoader(root, executable),
      parks: isPypy ? 'pypy' : 'cpython',
      libraries,
      env,
      virtualExecutable: program,
      // Debian's looks for itself on the PATH.
      argv0: program === DEFAULT_RUNTIME.place.program && root === null ? basename(program) : program,
      mounts,
      dialect: 'linux',
      surface: linuxSurface,
      keyOf: (signature) => signature.name,
    };
  } catch (error) {
    if (error instanceof InterpreterPlaceError) throw new RunRefusedError(error.message);
    throw error;
  }
  known.set(key, traits);
  return traits;
}

/** What the keeper executes for the words of an interpreter, its own name the first. */
export function guestCommand(
  { executable, loader, argv0 }: EngineTraits,
  words: readonly string[],
): Pick<GuestStart, 'executable' | 'loader' | 'argv'> {
  if (loader === null) return { executable, argv: [argv0, ...words] };
  return { executable, loader: loader[0] ?? '', argv: [...loader, '--argv0', argv0, executable, ...words] };
}
