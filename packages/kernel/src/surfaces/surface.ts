import { type Errno, SyscallError } from '@sandpiper/abi';
import type { Operation } from '../call.js';

/** How well a call is answered. */
export type Support =
  | { readonly level: 'supported' }
  | { readonly level: 'partial'; readonly note: string }
  /** Always fails with this. */
  | { readonly level: 'denied'; readonly errno: Errno; readonly note?: string }
  /** Never reaches the controller. */
  | { readonly level: 'native'; readonly note: string };

/** One call of a surface. */
export interface Row {
  /** As it comes over the wire: the name of a system call, the signature of a C function. */
  readonly key: string;
  readonly support: Support;
  readonly operation: Operation | null;
}

/** One way to talk to the kernel. A Map, not an object: a guest's name must not find what an object inherits. */
export interface Surface {
  readonly rows: ReadonlyMap<string, Row>;
  /** What a call that has no row gets. */
  readonly unknown: Errno;
}

export function supported(key: string, operation: Operation): Row {
  return { key, support: { level: 'supported' }, operation };
}

export function partial(key: string, note: string, operation: Operation): Row {
  return { key, support: { level: 'partial', note }, operation };
}

export function denied(key: string, errno: Errno, note?: string): Row {
  const support = { level: 'denied', errno, ...(note === undefined ? {} : { note }) } as const;
  return {
    key,
    support,
    operation: () => {
      throw new SyscallError(errno);
    },
  };
}

export function native(key: string, note: string): Row {
  return { key, support: { level: 'native', note }, operation: null };
}

export function surfaceOf(rows: readonly Row[], unknown: Errno): Surface {
  const map = new Map(rows.map((row) => [row.key, row]));
  if (map.size !== rows.length) throw new Error('a call has two rows');
  return { rows: map, unknown };
}
