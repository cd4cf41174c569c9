import { spawnSync } from 'node:child_process';

/** A program of Python that calls getpid(2) by `int $0x80`. */
export const CALL_OF_32_BITS = `import ctypes, mmap
m = mmap.mmap(-1, 4096, prot=7)
m.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()`;

let known: boolean | null = null;

/**
 * Whether this kernel has system calls of 32-bit code. One without CONFIG_IA32_EMULATION has none: there they are a
 * fault, in the sandbox and outside, and no filter sees them.
 */
export function has32BitCalls(): boolean {
  known ??= spawnSync('pypy3', ['-c', CALL_OF_32_BITS]).status === 0;
  return known;
}
