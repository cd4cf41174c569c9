import { DEFAULT_RUNTIME_NAME } from '@sandpiper/contracts';
import { PYPY3_PATH } from '@sandpiper/guest';
import type { InterpreterPlace } from '@sandpiper/kernel';

/** A stock interpreter with its libraries, by a name. Data only: it crosses the thread boundary. */
export interface Runtime {
  readonly name: string;
  readonly place: InterpreterPlace;
  /** Modules that a parent imports; null: those of the node. */
  readonly profile: readonly string[] | null;
  /** Variables of its programs; those of a run win. */
  readonly env: Readonly<Record<string, string>>;
}

/** Debian's `pypy3`, which needs no description. */
export const DEFAULT_RUNTIME: Runtime = {
  name: DEFAULT_RUNTIME_NAME,
  place: { root: null, program: PYPY3_PATH, libraries: [] },
  profile: null,
  env: {},
};
