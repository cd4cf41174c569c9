import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type GuestStart, PYPY3_PATH } from '@sandpiper/guest';
import {
  defaultHostMounts,
  EXTENSION_SUFFIX,
  type HostMount,
  libcSurface,
  linuxSurface,
  type Surface,
} from '@sandpiper/kernel';
import type { Dialect, Signature } from '@sandpiper/protocol';

/** Which interpreter a job is for. Data only: it crosses the thread boundary. */
export type Interpreter = { readonly engine: 'seccomp' } | TranslatedInterpreter;

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
  if (interpreter.engine === 'seccomp') {
    return {
      kind: 'stock',
      executable: PYPY3_PATH,
      virtualExecutable: PYPY3_PATH,
      argv0: 'pypy3',
      mounts: defaultHostMounts(),
      dialect: 'linux',
      surface: linuxSurface,
      keyOf: (signature) => signature.name,
    };
  }
  const { executable, library } = interpreter;
  return {
    kind: 'translated',
    executable,
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
