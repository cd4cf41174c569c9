import { type Attack, type Behaviour, native, OK } from '../behaviour.js';

const REFUSED = (count: number) => ({ ...OK, stdout: `${count} tried\n` });
const ANOTHER_MODE = {
  status: 'violation',
  exitCode: null,
  message: /system call of another architecture/,
} as const;

/** The same on both engines. */
const both = (...attacks: Attack[]) => ({ seccomp: attacks, rpython: attacks });

export const SYSTEM_CALLS: readonly Behaviour[] = [
  {
    number: 29,
    title: 'every number 0..1023 with fuzzed arguments',
    seccomp: [native('survey 3', { ...OK, stdout: /^\d+ made\n$/ }, { limits: { cpuMs: 10_000 } })],
    rpython: [native('survey 10', { ...OK, stdout: /^\d+ made\n$/ }, { limits: { cpuMs: 10_000 } })],
  },
  { number: 30, title: 'x32 bit', ...both(native('x32', ANOTHER_MODE)) },
  { number: 31, title: 'int 0x80', ...both(native('int-80', ANOTHER_MODE)) },
  {
    number: 32,
    title: 'far jump to 32-bit',
    ...both(
      native('far-jump int', ANOTHER_MODE),
      // Which of the two a processor has in that mode depends on who made it; the other is an illegal instruction.
      native(
        'far-jump sysenter',
        { status: ['violation', 'runtime-error', 'time-limit'] },
        { limits: { cpuMs: 200 } },
      ),
      native(
        'far-jump syscall',
        { status: ['violation', 'runtime-error', 'time-limit'] },
        { limits: { cpuMs: 200 } },
      ),
    ),
  },
  {
    number: 33,
    title: 'vsyscall page',
    ...both(
      native(
        'vsyscall',
        { status: ['violation', 'runtime-error', 'ok'], stdout: /^(refused\n)?$/ },
        { limits: { cpuMs: 200 } },
      ),
    ),
  },
  {
    number: 34,
    title: 'numbers -1, -512..-516',
    ...both(native('odd-numbers', { ...OK, stdout: 'all numbers tried\n' })),
  },
  { number: 35, title: 'read(0x100000000)', ...both(native('high-halves', REFUSED(16))) },
  { number: 36, title: 'io_uring', ...both(native('rings', REFUSED(5))) },
  { number: 37, title: 'userfaultfd, bpf, perf, keyctl', ...both(native('kernel', REFUSED(43))) },
  { number: 38, title: 'ptrace, process_vm_readv', ...both(native('tracing', REFUSED(15))) },
  { number: 39, title: 'memfd + execveat', ...both(native('execution', REFUSED(5))) },
  { number: 40, title: 'sockets (INET, UNIX, NETLINK, VSOCK)', ...both(native('sockets', REFUSED(9))) },
  { number: 41, title: 'prctl, seccomp, PR_SET_DUMPABLE', ...both(native('control', REFUSED(26))) },
  { number: 42, title: 'PI-futex operations', ...both(native('futexes', REFUSED(14))) },
];
