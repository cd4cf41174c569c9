import { O, SyscallError } from '@sandpiper/abi';
import type { Call } from './call.js';
import type { DeniedKind } from './types.js';

/** What a denied call asked for; null for anything that a result does not name. */
export type RefusalOf = (call: Call) => DeniedKind | null;

/** Of clone(2). */
const CLONE_THREAD = 0x10000;

const byFlags = (flags: number): DeniedKind => ((flags & CLONE_THREAD) === 0 ? 'processes' : 'threads');

export const refusesProcesses: RefusalOf = () => 'processes';
export const refusesSockets: RefusalOf = () => 'sockets';

/** clone(2): by its flags. */
export const refusesClone: RefusalOf = (call) => byFlags(call.long(0));

/** clone3(2): by the first field of struct clone_args. */
export const refusesClone3: RefusalOf = (call) => {
  try {
    return byFlags(call.memory.read(call.pointer(0), 8).readUInt32LE(0));
  } catch (error) {
    if (error instanceof SyscallError) return 'processes';
    throw error;
  }
};

/**
 * socket(2). The C library asks its name service cache daemon before it reads /etc/passwd (nscd(8)), by exactly this
 * call: no program's wish.
 */
export const refusesSocket: RefusalOf = (call) => {
  const [AF_UNIX, SOCK_STREAM] = [1, 1];
  const type = SOCK_STREAM | O.CLOEXEC | O.NONBLOCK;
  return call.int(0) === AF_UNIX && call.int(1) === type && call.int(2) === 0 ? null : 'sockets';
};
