import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const build = new URL('../native/build/', import.meta.url);

/** Paths of the two C programs that `make` builds in native/build. */
export const KEEPER_PATH = fileURLToPath(new URL('sandpiper-keeper', build));
export const SHIM_PATH = fileURLToPath(new URL('sandpiper-shim.so', build));

/**
 * A C program that speaks the guest's side of sandbox-2 and obeys its script: attacks, in self-tests and
 * tests.
 */
export const TRANSLATED_GUEST_PATH = fileURLToPath(new URL('translated-guest', build));

export function nativePartsExist(): boolean {
  return existsSync(KEEPER_PATH) && existsSync(SHIM_PATH);
}

/** Where Debian's `pypy3` package puts the interpreter. */
export const PYPY3_PATH = '/usr/bin/pypy3';
