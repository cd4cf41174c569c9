import { type Attack, type Behaviour, MIB, nativeAttack, OK } from '../behaviour.js';

const SMALL = { memoryBytes: 64 * MIB, cpuMs: 5_000 };
const TOO_MUCH = { status: 'memory-limit', exitCode: null, message: /memory limit/ } as const;
/** It may ask again and again; the time it takes is its own. */
const ENDLESS = { status: ['time-limit', 'output-limit', 'syscall-limit'] } as const;
const CRASHED = { status: 'runtime-error', signal: 'SIGSEGV' } as const;
/** The stack ends before the memory does. */
const SMALL_STACK = { stackBytes: 8 * 2 ** 20 };

/** It answers once more, and at its end misses what is gone, or not. */
const WITHOUT_IT = (said: string) =>
  ({ status: ['ok', 'runtime-error'], stdout: `${said}and it still answers\n` }) as const;

const refusals = (count: number) => ({ ...OK, stdout: new RegExp(`^([\\w ]+: E[A-Z]+\n){${count}}$`) });

export const MEMORY: readonly Behaviour[] = [
  {
    number: 15,
    title: 'heap bomb',
    seccomp: [
      { name: 'piece by piece', program: '15-heap-bomb.py', expect: TOO_MUCH, limits: SMALL, portable: true },
      { name: 'at once, and again', program: '15-heap-bomb-at-once.py', expect: ENDLESS, limits: SMALL },
    ],
    rpython: [
      { name: 'piece by piece', program: 'forever grow 1', expect: TOO_MUCH, limits: SMALL },
      {
        name: 'at once, and again',
        program: 'print before\ntry grow 8192\nprint after',
        expect: TOO_MUCH,
        limits: SMALL,
      },
    ],
  },
  {
    number: 16,
    title: 'shared anonymous mappings',
    seccomp: [{ name: '', program: '16-shared-memory.py', expect: TOO_MUCH, limits: SMALL }],
    rpython: [nativeAttack('shared', refusals(2))],
  },
  {
    number: 17,
    title: 'NORESERVE 1 TiB',
    seccomp: [nativeAttack('reserve 0x10000000000', { ...OK, stdout: 'refused\n' }, { limits: SMALL })],
    rpython: [nativeAttack('reserve 0x10000000000', TOO_MUCH, { limits: SMALL })],
  },
  {
    number: 18,
    title: 'a million VMAs by mprotect',
    seccomp: mappings(),
    rpython: mappings(),
  },
  {
    number: 19,
    title: 'HUGETLB',
    seccomp: [nativeAttack('huge', refusals(4))],
    rpython: [nativeAttack('huge', refusals(4))],
  },
  {
    number: 20,
    title: 'GROWSDOWN',
    seccomp: [nativeAttack('grows-down', refusals(4))],
    rpython: [nativeAttack('grows-down', refusals(4))],
  },
  {
    number: 21,
    title: 'mlock',
    seccomp: [nativeAttack('locked', refusals(5))],
    rpython: [nativeAttack('locked', refusals(5))],
  },
  {
    number: 22,
    title: 'mremap over vDSO or shim',
    seccomp: [
      nativeAttack('remap vdso', WITHOUT_IT('vdso was replaced: yes\n')),
      nativeAttack('remap shim', CRASHED),
      nativeAttack('move-vdso', { status: ['ok', 'runtime-error'] }),
    ],
    rpython: [
      nativeAttack('remap vdso', WITHOUT_IT('vdso was replaced: yes\n')),
      nativeAttack('remap shim', CRASHED),
    ],
  },
  {
    number: 23,
    title: 'munmap of shim, signal stack, own stack',
    seccomp: ['shim', 'signal stack', 'own stack'].map((what) => nativeAttack(`unmap ${what}`, CRASHED)),
    // Functions of the C library are the shim's (native/shim/library.c), also to an interpreter that needs no shim.
    rpython: ['shim', 'own stack'].map((what) => nativeAttack(`unmap ${what}`, CRASHED)),
  },
  {
    number: 24,
    title: 'deep recursion',
    seccomp: [
      {
        name: '',
        program: '24-recursion.py',
        expect: { status: 'runtime-error', exitCode: 1, stderr: /RecursionError/ },
        portable: true,
      },
      {
        name: 'without a limit',
        program: '24-recursion-unlimited.py',
        expect: { status: ['runtime-error', 'memory-limit'] },
      },
    ],
    rpython: [{ name: '', program: 'recurse x', limits: SMALL_STACK, expect: CRASHED }],
  },
  {
    number: 25,
    title: 'recursion inside a ctypes callback',
    seccomp: [
      { name: '', program: '25-callbacks.py', expect: { status: ['runtime-error', 'memory-limit'] } },
    ],
    rpython: 'a translation has no ctypes; its stack is behaviour 24',
  },
  {
    number: 26,
    title: 'odd madvise values',
    seccomp: [nativeAttack('advices', { ...OK, stdout: 'all advices tried\n' })],
    rpython: [nativeAttack('advices', { ...OK, stdout: 'all advices tried\n' })],
  },
  {
    number: 27,
    title: 'writable and executable pages',
    seccomp: [nativeAttack('code', { ...OK, stdout: '42\n' })],
    rpython: [nativeAttack('code', { ...OK, stdout: '42\n' })],
  },
  {
    number: 28,
    title: 'a limit so small that start-up fails',
    seccomp: tooSmall('28-ordinary.py'),
    rpython: tooSmall('print ordinary\nexit 0'),
  },
];

function mappings(): Attack[] {
  const limits = { memoryBytes: 64 * MIB, cpuMs: 5_000 };
  return [
    nativeAttack(
      'protections 80000',
      { ...OK, stdout: 'refused before the last\n' },
      // gVisor's kernel has no limit of mappings: what it keeps of them is in the pod's memory, bounded by RLIMIT_AS.
      { limits, onGvisor: { ...OK, stdout: 'every page is one\n' } },
    ),
    // Not a page of its own, and tables for all of them: memory that a count of pages does not see.
    nativeAttack('page-tables 60000', TOO_MUCH, {
      ...{ limits, times: 5 },
      // A page that was only read is one of its own there.
      onGvisor: { status: ['memory-limit', 'time-limit'] },
    }),
  ];
}

function tooSmall(program: string): Attack[] {
  const attack = (name: string, limits: Attack['limits'], expect: Attack['expect']): Attack => ({
    name,
    program,
    limits: limits ?? {},
    expect,
  });
  return [
    attack('of CPU time', { cpuMs: 1 }, { status: ['time-limit', 'ok'] }),
    attack('of elapsed time', { wallMs: 1 }, { status: ['wall-limit', 'ok'] }),
    attack('of memory', { memoryBytes: 8 * MIB }, { status: ['ok', 'memory-limit'] }),
    attack('of system calls', { syscalls: 1 }, { status: 'syscall-limit', message: /limit of system calls/ }),
    attack('of output', { outputBytes: 1 }, { status: 'output-limit', stdout: 'o' }),
    attack('of disk', { diskBytes: 1, files: 1 }, { ...OK, stdout: 'ordinary\n' }),
    attack('of open files', { openFiles: 8 }, { ...OK, stdout: 'ordinary\n' }),
  ];
}
