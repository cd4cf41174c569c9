import { type Errno, SyscallError } from '@sandpiper/abi';
import type { Operation } from '../call.js';
import type { RefusalOf } from '../refusals.js';

/** How fully a call is supported. */
export type Support =
  | { readonly level: 'supported' }
  | { readonly level: 'partial'; readonly note: string }
  /** The errno that it always fails with. */
  | { readonly level: 'denied'; readonly errno: Errno; readonly note?: string }
  /** Never reaches the controller. */
  | { readonly level: 'native'; readonly note: string };

/** What the documentation says of a call. */
export interface Entry {
  /** As on the wire: the name of a system call, or the signature of a C function. */
  readonly key: string;
  readonly support: Support;
  readonly operation: Operation | null;
  /** For a denied call: what it asks for, as far as a result names it. */
  readonly refuses?: RefusalOf;
}

/** One call of a surface. */
export interface Row extends Entry {
  /** How many arguments come with it, each an integer or a pointer: exactly this many. */
  readonly arity: number;
}

/**
 * One way to talk to the kernel. A Map, not an object: a guest's name must not find what an object inherits.
 */
export interface Surface {
  readonly rows: ReadonlyMap<string, Row>;
  /** The answer to a call that has no row. */
  readonly unknown: Errno;
}

export function supported(key: string, operation: Operation): Entry {
  return { key, support: { level: 'supported' }, operation };
}

export function partial(key: string, note: string, operation: Operation): Entry {
  return { key, support: { level: 'partial', note }, operation };
}

export function denied(
  key: string,
  errno: Errno,
  { note, refuses }: { readonly note?: string; readonly refuses?: RefusalOf } = {},
): Entry {
  const support = { level: 'denied', errno, ...(note === undefined ? {} : { note }) } as const;
  return {
    key,
    support,
    ...(refuses === undefined ? {} : { refuses }),
    operation: () => {
      throw new SyscallError(errno);
    },
  };
}

export function native(key: string, note: string): Entry {
  return { key, support: { level: 'native', note }, operation: null };
}

export function surfaceOf(
  entries: readonly Entry[],
  unknown: Errno,
  arityOf: (key: string) => number,
): Surface {
  const map = new Map(entries.map((entry) => [entry.key, { ...entry, arity: arityOf(entry.key) }]));
  if (map.size !== entries.length) throw new Error('a call has two rows');
  return { rows: map, unknown };
}
