import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { type GuestStart, PYPY3_PATH } from '@sandpiper/guest';
import {
  defaultHostMounts,
  type HostMount,
  libcSurface,
  linuxSurface,
  type Surface,
} from '@sandpiper/kernel';
import type { Dialect, Signature } from '@sandpiper/protocol';

/** Which interpreter a job is for. Data only: it crosses the thread boundary. */
export type Interpreter = { readonly engine: 'seccomp' } | TranslatedInterpreter;

/** `executable` is a PyPy translated with `--sandbox`; `library` holds lib-python and lib_pypy. Host paths. */
export interface TranslatedInterpreter {
  readonly engine: 'rpython';
  readonly executable: string;
  readonly library: string;
}

/** What differs between guests of one engine and another. */
export interface Engine {
  readonly kind: GuestStart['kind'];
  /** Of the host. */
  readonly executable: string;
  /** What the guest believes that it is: where it looks for its library from. */
  readonly virtualExecutable: string;
  readonly argv0: string;
  readonly mounts: readonly HostMount[];
  readonly dialect: Dialect;
  readonly surface: Surface;
  /** What the surface's table is looked up by. */
  keyOf(signature: Signature): string;
}

/** What the library of a PyPy holds. */
export const LIBRARY_FOLDERS = ['lib-python', 'lib_pypy'];

/** The files of a translated interpreter must be there: see assertInterpreterFiles. */
export function engineOf(interpreter: Interpreter): Engine {
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
    // The library is looked for beside it and above it, as it was installed.
    virtualExecutable: '/lib/pypy',
    argv0: '/lib/pypy',
    mounts: [
      // The guest is shown the file and the folders, not links that lead to them.
      { host: realpathSync(executable), path: '/lib/pypy' },
      ...LIBRARY_FOLDERS.map((name) => ({
        host: realpathSync(join(library, name)),
        path: `/lib/${name}`,
      })),
    ],
    dialect: 'libc',
    surface: libcSurface,
    keyOf: (signature) => signature.text,
  };
}
