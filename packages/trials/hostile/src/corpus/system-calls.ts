import { type Attack, type Behaviour, IN_32_BIT, in32BitOnGvisor, nativeAttack, OK } from '../behaviour.js';

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
    seccomp: [nativeAttack('survey 3', { ...OK, stdout: /^\d+ made\n$/ }, { limits: { cpuMs: 10_000 } })],
    rpython: [nativeAttack('survey 10', { ...OK, stdout: /^\d+ made\n$/ }, { limits: { cpuMs: 10_000 } })],
  },
  { number: 30, title: 'x32 bit', ...both(nativeAttack('x32', ANOTHER_MODE)) },
  {
    number: 31,
    title: 'int 0x80',
    // gVisor passes it to the filter under a number that nothing has.
    ...both(
      nativeAttack('int-80', IN_32_BIT, {
        onGvisor: in32BitOnGvisor({ ...OK, stdout: /^granted: -\d+\n$/ }),
      }),
    ),
  },
  {
    number: 32,
    title: 'far jump to 32-bit',
    ...both(
      // gVisor executes no such call, and goes on behind it, where this program turns for ever.
      nativeAttack('far-jump int', IN_32_BIT, {
        ...{ limits: { cpuMs: 1_000 }, onGvisor: in32BitOnGvisor({ status: 'time-limit' }) },
      }),
      nativeAttack('far-call', IN_32_BIT, {
        onGvisor: in32BitOnGvisor({ ...OK, stdout: '0 calls were executed from 32-bit code\n' }),
      }),
      // Which of the two a processor has in that mode depends on who made it; the other is an illegal instruction.
      nativeAttack(
        'far-jump sysenter',
        { status: ['violation', 'runtime-error', 'time-limit'] },
        { limits: { cpuMs: 200 } },
      ),
      nativeAttack(
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
      nativeAttack(
        'vsyscall',
        { status: ['violation', 'runtime-error', 'ok'], stdout: /^(refused\n)?$/ },
        { limits: { cpuMs: 200 } },
      ),
    ),
  },
  {
    number: 34,
    title: 'numbers -1, -512..-516',
    ...both(nativeAttack('odd-numbers', { ...OK, stdout: 'all numbers tried\n' })),
  },
  { number: 35, title: 'read(0x100000000)', ...both(nativeAttack('high-halves', REFUSED(16))) },
  { number: 36, title: 'io_uring', ...both(nativeAttack('rings', REFUSED(5))) },
  { number: 37, title: 'userfaultfd, bpf, perf, keyctl', ...both(nativeAttack('kernel', REFUSED(43))) },
  { number: 38, title: 'ptrace, process_vm_readv', ...both(nativeAttack('tracing', REFUSED(15))) },
  { number: 39, title: 'memfd + execveat', ...both(nativeAttack('execution', REFUSED(5))) },
  { number: 40, title: 'sockets (INET, UNIX, NETLINK, VSOCK)', ...both(nativeAttack('sockets', REFUSED(9))) },
  { number: 41, title: 'prctl, seccomp, PR_SET_DUMPABLE', ...both(nativeAttack('control', REFUSED(26))) },
  { number: 42, title: 'PI-futex operations', ...both(nativeAttack('futexes', REFUSED(14))) },
];
