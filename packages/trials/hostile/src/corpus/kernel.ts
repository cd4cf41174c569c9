import { type Attack, type Behaviour, nativeAttack } from '../behaviour.js';

/** The program ends as it likes, or at a limit of time where the machine is busy: what counts is that it ends there. */
const WITHIN_LIMITS = ['ok', 'time-limit', 'wall-limit', 'syscall-limit'] as const;

const BROKEN_PROTOCOL = {
  status: 'violation',
  exitCode: null,
  message: /^the guest broke the protocol: /,
} as const;

const NOT_BY_THE_C_LIBRARY = 'the functions of its library have no such call';
const SAME_KERNEL = 'the same operations of the virtual kernel answer it';

const FLOATS = { NaN: Number.NaN, Infinity, '-0': -0, '0.5': 0.5, '2^63': 2 ** 63 } as const;

/** A request as no shim sends it: its signature, and as many words as that says. */
function request(name: string, signature: string, words: readonly number[]): Attack {
  const text = Buffer.from(signature, 'latin1');
  const kinds = /\((.*)\)/.exec(signature)?.[1] ?? '';
  const sent = Buffer.alloc(8 * kinds.length);
  for (const [i, kind] of kinds.split('').entries()) {
    if (kind === 'f') sent.writeDoubleLE(words[i] ?? 0, 8 * i);
    else sent.writeBigInt64LE(BigInt(Math.trunc(words[i] ?? 0)), 8 * i);
  }
  const bytes = Buffer.concat([Buffer.from([text.length]), text, sent]).toString('hex');
  return nativeAttack(`bytes ${bytes}`, BROKEN_PROTOCOL, { name });
}

/** Each argument that is a double has that value; the others are 0. */
const double = (signature: string, name: keyof typeof FLOATS): Attack =>
  request(
    `${signature} with ${name}`,
    signature,
    signature
      .slice(signature.indexOf('(') + 1)
      .split('')
      .map((kind) => (kind === 'f' ? FLOATS[name] : 0)),
  );

const doubles = [
  ...(['NaN', 'Infinity', '-0', '0.5', '2^63'] as const).map((name) => double('lseek(ifi)i', name)),
  ...['pread64(ipif)i', 'pwrite64(ipif)i', 'ftruncate(if)i', 'poll(pfi)i', 'getrandom(pfi)i', 'a(f)i'].map(
    (signature) => double(signature, 'NaN'),
  ),
];

const sets = (how: string, openFiles: number): Attack => ({
  name: `${how} of ${openFiles}`,
  program: '85-sets.py',
  args: [how, String(openFiles)],
  expect: { status: WITHIN_LIMITS },
  limits: { openFiles, wallMs: 10_000, controllerCpuMs: 3_000 },
});

/** What one call of the virtual kernel costs, and what a guest makes the controller hold. Numbers 85 to 94. */
export const KERNEL: readonly Behaviour[] = [
  {
    number: 85,
    title: 'one look at sets of sets of descriptors',
    seccomp: [sets('poll', 256), sets('poll', 4096), sets('select', 1024), sets('epoll', 4096)],
    rpython: NOT_BY_THE_C_LIBRARY,
    elsewhere: [
      {
        file: 'packages/sandbox/kernel/test/readiness.test.ts',
        title: 'a readiness check of nested epoll sets',
      },
    ],
  },
  {
    number: 86,
    title: 'arguments of a call that are doubles',
    seccomp: doubles,
    rpython: 'a signature with doubles has no row of its table, and gets ENOSYS',
    elsewhere: [
      {
        file: 'packages/sandbox/kernel/test/arguments.test.ts',
        title: 'the number of arguments of a system call',
      },
    ],
  },
  {
    number: 87,
    title: 'calls with another number of arguments, or another kind of result',
    seccomp: [
      ...['lseek(ii)i', 'lseek(iiii)i', 'getpid(i)i', 'write()i', 'mmap(piiii)i', 'exit_group()i'],
      ...['lseek(iii)f', 'lseek(iii)v', 'lseek(iii)p', 'a(iiiiiiii)i', 'futex(i)i', 'socket(i)i'],
    ].map((signature) => request(signature, signature, [])),
    rpython: 'the signature is what a call is looked up by, and another one gets ENOSYS',
  },
  {
    number: 88,
    title: 'attributes of a byte each',
    seccomp: [
      { name: '', program: '88-attributes.py', expect: { status: WITHIN_LIMITS, stdout: /^(True\n)?$/ } },
    ],
    rpython: SAME_KERNEL,
    elsewhere: [
      { file: 'packages/sandbox/kernel/test/held.test.ts', title: 'the charge covers what is held' },
    ],
  },
  {
    number: 89,
    title: 'names at the end of long paths',
    seccomp: [
      {
        name: '',
        program: '89-names.py',
        expect: { status: WITHIN_LIMITS },
        limits: { files: 3_000, wallMs: 10_000 },
      },
    ],
    rpython: SAME_KERNEL,
  },
  {
    number: 90,
    title: 'a folder that changes while it is listed',
    seccomp: [
      {
        name: '',
        program: '90-changing-folder.py',
        expect: { status: WITHIN_LIMITS },
        limits: { openFiles: 256, wallMs: 10_000 },
      },
    ],
    rpython: SAME_KERNEL,
  },
  {
    number: 91,
    title: 'pipes and sockets that nobody reads',
    seccomp: [
      {
        name: '',
        program: '91-pipes.py',
        expect: { status: WITHIN_LIMITS, stdout: /^(True\n)?$/ },
        limits: { openFiles: 1024, wallMs: 10_000 },
      },
    ],
    rpython: SAME_KERNEL,
  },
  {
    number: 92,
    title: 'paths up and down a deep folder, through links',
    seccomp: [
      {
        name: '',
        program: '92-up-and-down.py',
        expect: { status: ['wall-limit', 'time-limit', 'syscall-limit'] },
        limits: { wallMs: 2_000 },
      },
    ],
    rpython: SAME_KERNEL,
  },
];
