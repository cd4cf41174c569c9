import { has32BitCalls } from '@sandpiper/testkit';
import { type Attack, type Behaviour, IN_32_BIT, nativeAttack, OK, SHORT, SHORT_WAIT } from '../behaviour.js';

const REFUSED = (count: number) => ({ ...OK, stdout: `${count} tried\n` });
const ENDED_BY_CPU = { status: 'time-limit', exitCode: null, message: /CPU time limit/ } as const;
const ENDED_BY_WALL = { status: 'wall-limit', exitCode: null, message: /elapsed time limit/ } as const;

/** What comes of a jump to anywhere: anything that is the guest's own end, and nothing of ours. */
const ANY_END: Attack['expect'] = {
  status: [
    'ok',
    'runtime-error',
    'violation',
    'time-limit',
    'wall-limit',
    'memory-limit',
    'output-limit',
    'syscall-limit',
  ],
};

/** gVisor neither executes a call whose trap is blocked nor ends the process for it. */
const skipped = { status: 'runtime-error', exitCode: 9 } as const;
/** None of many calls is executed then. */
const blind = nativeAttack(
  'frame blind',
  { status: 'violation', message: /system call/ },
  { onGvisor: { ...skipped, stdout: '0 calls were executed with their trap blocked\n' } },
);

export const PROCESSES: readonly Behaviour[] = [
  {
    number: 1,
    title: 'fork bomb',
    seccomp: [
      {
        name: 'until it fails',
        program: '01-fork-bomb.py',
        expect: { status: 'runtime-error', exitCode: 1, stderr: /BlockingIOError/ },
      },
      { name: 'for ever', program: '01-fork-bomb-for-ever.py', expect: ENDED_BY_CPU, limits: SHORT },
    ],
    rpython: [
      {
        name: 'of the translation',
        program: 'forever fork',
        expect: { status: 'runtime-error', signal: 'SIGABRT' },
      },
      {
        name: 'native',
        program: 'repeat 1000 native fork',
        expect: { ...OK, stdout: /^(fork EPERM\n){1000}$/ },
      },
    ],
  },
  {
    number: 2,
    title: 'vfork, clone3 by ctypes',
    seccomp: [nativeAttack('processes', REFUSED(14))],
    rpython: [nativeAttack('processes', REFUSED(14))],
  },
  {
    number: 3,
    title: 'thread bomb',
    seccomp: [
      {
        name: '',
        program: '03-thread-bomb.py',
        expect: { status: 'runtime-error', exitCode: 1, stderr: /RuntimeError: can't start new thread/ },
      },
    ],
    rpython: 'a translation has no threads to start; its native clone is behaviour 2',
  },
  {
    number: 4,
    title: 'CPU spin',
    seccomp: [{ name: '', program: '04-spin.py', expect: ENDED_BY_CPU, limits: SHORT, portable: true }],
    rpython: [{ name: '', program: 'spin', expect: ENDED_BY_CPU, limits: SHORT }],
  },
  {
    number: 5,
    title: 'regex backtracking',
    seccomp: [
      { name: '', program: '05-backtracking.py', expect: ENDED_BY_CPU, limits: SHORT, portable: true },
    ],
    rpython: 'is CPU time inside of the interpreter, behaviour 4; a real translation runs the same program',
  },
  {
    number: 6,
    title: 'huge-int pow',
    seccomp: [{ name: '', program: '06-huge-power.py', expect: ENDED_BY_CPU, limits: SHORT, portable: true }],
    rpython: 'is CPU time inside of the interpreter, behaviour 4; a real translation runs the same program',
  },
  {
    number: 7,
    title: 'ignoring SIGTERM, SIGXCPU',
    seccomp: [{ name: '', program: '07-ignores-signals.py', expect: ENDED_BY_CPU, limits: SHORT }],
    rpython: [
      {
        name: '',
        program: 'attack ignore-signals\nspin',
        expect: { ...ENDED_BY_CPU, stdout: '0 ignored\n' },
        limits: SHORT,
      },
    ],
  },
  {
    number: 8,
    title: 'native futex wait for ever',
    seccomp: [nativeAttack('wait-for-ever', ENDED_BY_WALL, { limits: SHORT_WAIT })],
    rpython: [nativeAttack('wait-for-ever', ENDED_BY_WALL, { limits: SHORT_WAIT })],
  },
  {
    number: 9,
    title: 'sleep of 2^63',
    seccomp: [
      { name: 'of Python', program: '09-sleep.py', expect: ENDED_BY_WALL, limits: SHORT_WAIT },
      { name: 'odd times', program: '09-odd-sleeps.py', expect: { ...OK, stdout: 'none accepted\n' } },
      nativeAttack('sleep', ENDED_BY_WALL, { limits: SHORT_WAIT }),
    ],
    rpython: [{ name: '', program: 'sleep 9223372036854775807', expect: ENDED_BY_WALL, limits: SHORT_WAIT }],
  },
  {
    number: 10,
    title: 'spinning between timer ticks',
    seccomp: [
      {
        name: '',
        program: '10-between-ticks.py',
        expect: ENDED_BY_CPU,
        limits: { cpuMs: 100, wallMs: 20_000 },
      },
    ],
    rpython: [
      { name: '', program: 'forever doze 300', expect: ENDED_BY_CPU, limits: { cpuMs: 50, wallMs: 20_000 } },
    ],
  },
  {
    number: 11,
    title: 'raising SIGSYS by hand',
    seccomp: [
      { name: 'unhandled', program: '11-sigsys.py', expect: { status: 'runtime-error', signal: 'SIGSYS' } },
      { name: 'handled', program: '11-sigsys-handled.py', expect: { ...OK, stdout: 'handled 3 times\n' } },
      {
        name: 'queued with forged data',
        program: '11-sigsys-forged.py',
        expect: { ...OK, stdout: 'refused\n' },
      },
    ],
    rpython: [
      { name: '', program: 'raw kill(ii)i 2 31', expect: { status: 'runtime-error', signal: 'SIGSYS' } },
      {
        name: 'native',
        program: 'native kill\nnative kill-self',
        expect: { ...OK, stdout: 'kill EPERM\nkill-self EPERM\n' },
      },
    ],
  },
  {
    number: 12,
    title: 'jumping into the shim with forged registers',
    seccomp: [
      nativeAttack('gate', { ...OK, stdout: 'every gate tried\n' }),
      ...[1, 2, 3, 4].map((seed) => nativeAttack(`jump ${seed}`, ANY_END, { limits: SHORT })),
    ],
    rpython: [
      nativeAttack('gate', { ...OK, stdout: 'every gate tried\n' }),
      ...[1, 2].map((seed) => nativeAttack(`jump ${seed}`, ANY_END, { limits: SHORT })),
    ],
  },
  {
    number: 13,
    title: 'a forged signal frame',
    // A translated guest has little that traps, so that little is blocked with it.
    seccomp: [...forgedFrames({ status: 'violation', message: /system call/ }), blind],
    rpython: forgedFrames({ status: 'runtime-error', exitCode: 9 }),
  },
  {
    number: 14,
    title: 'setting TF/NT flags',
    seccomp: flags('1 0'),
    rpython: flags('1 -2'),
  },
];

function forgedFrames(withoutTrap: Attack['expect']): Attack[] {
  const crashed = { status: 'runtime-error', signal: 'SIGSEGV' } as const;
  return [
    ...['garbage', 'kernel', 'non-canonical'].map((how) => nativeAttack(`frame ${how}`, crashed)),
    // gVisor, and kernels without 32-bit code under some hypervisors, take no segments from a frame and go on.
    nativeAttack('frame segment', has32BitCalls() ? crashed : { status: 'runtime-error' }, {
      onGvisor: { status: 'runtime-error' },
    }),
    nativeAttack('frame nowhere', { status: 'runtime-error' }),
    nativeAttack('frame mask', withoutTrap, { onGvisor: skipped }),
    nativeAttack(
      'frame mode',
      IN_32_BIT,
      // It goes on in the mode that it was in, and the bytes mean something else there.
      { onGvisor: { status: ['runtime-error', 'time-limit'] }, limits: SHORT },
    ),
    nativeAttack('frame state', { status: ['runtime-error', 'violation'] }),
    nativeAttack('frame stack', { status: ['runtime-error', 'violation'] }),
  ];
}

/** `answers`: what getpid and stat give; a translated guest may not ask the real kernel for the second. */
function flags(answers: string): Attack[] {
  return [
    nativeAttack('flags trap', { status: 'runtime-error', signal: 'SIGTRAP' }),
    ...['direction', 'nested', 'iopl', 'alignment'].map((flag) =>
      nativeAttack(`flags ${flag}`, { ...OK, stdout: `${flag}: ${answers}\n` }),
    ),
  ];
}
