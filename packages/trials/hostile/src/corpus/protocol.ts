import { type Attack, type Behaviour, nativeAttack, OK, SHORT_WAIT } from '../behaviour.js';

const BROKEN_PROTOCOL = {
  status: 'violation',
  exitCode: null,
  message: /^the guest broke the protocol: /,
} as const;
const ENDED_BY_WALL = { status: 'wall-limit', exitCode: null, message: /elapsed time limit/ } as const;
/** A call takes several times the CPU time under gVisor. */
const CALLS_OR_TIME = { status: ['syscall-limit', 'time-limit'] } as const;
const ENDED_BY_CALLS = { status: 'syscall-limit', exitCode: null, message: /limit of system calls/ } as const;

/** Bytes on the wire, in hexadecimal, and then silence; on both engines the same. */
function bytes(name: string, text: string, expect: Attack['expect'] = BROKEN_PROTOCOL): Attack {
  return nativeAttack(`bytes ${text}`, expect, {
    name,
    limits: expect.status === 'wall-limit' ? SHORT_WAIT : {},
  });
}

/** A request of that name and signature without arguments. */
function frame(signature: string): string {
  const text = Buffer.from(signature, 'latin1');
  return Buffer.concat([Buffer.from([text.length]), text]).toString('hex');
}

const both = (...attacks: Attack[]) => ({ seccomp: attacks, rpython: attacks });

const stringLengths = (...lengths: string[]) =>
  lengths.map((length) => nativeAttack(`string-length ${length}`, BROKEN_PROTOCOL));

/** What a guest leaves in its pipe must not be the first words of the next, however often that is tried. */
function afterDeath(): Pick<Behaviour, 'seccomp' | 'rpython'> {
  const own = [
    nativeAttack('after-death 0', { status: ['ok', 'violation'] }),
    nativeAttack('after-death 7', { status: ['runtime-error', 'violation'] }, { times: 20 }),
    nativeAttack('half-a-frame', { status: 'ok', exitCode: 0 }),
  ];
  const lastWord = nativeAttack('last-word 7', { status: ['runtime-error', 'violation'] }, { times: 20 });
  return { seccomp: [...own, lastWord], rpython: own };
}

const NAME_LENGTHS = [
  bytes('0, and a letter of no note', '0058'),
  bytes('0, of a request and nothing else', '000000000000000000'),
  nativeAttack('repeated ff*000161*00ff', BROKEN_PROTOCOL, { name: '255, and no signature' }),
  bytes('255, and no more', 'ff61', ENDED_BY_WALL),
];

export const PROTOCOL: readonly Behaviour[] = [
  {
    number: 59,
    title: 'name length 0 or 255',
    // With a 0 begin the notes of a stock guest: the next byte decides.
    seccomp: [bytes('0, and no more', '00', ENDED_BY_WALL), ...NAME_LENGTHS],
    rpython: [bytes('0, and no more', '00'), ...NAME_LENGTHS],
  },
  {
    number: 60,
    title: 'bad or unknown signature',
    ...both(
      ...[
        'getpid',
        'getpid(',
        'getpid()',
        'getpid)i(',
        '()i',
        'x(q)i',
        'x(i)q',
        'x(i)ii',
        'x((i)i',
        'x(i,i)i',
        `x(${'i'.repeat(33)})i`,
        'x\n(i)i',
        '\u00ff\u00fe(i)i',
      ].map((text) => bytes(JSON.stringify(text.slice(0, 12)), frame(text))),
      nativeAttack('unknown-signatures', { ...OK, stdout: '5 answered, all with an error\n' }),
    ),
  },
  {
    number: 61,
    title: 'endless new signatures',
    ...both(nativeAttack('endless-signatures', ENDED_BY_CALLS, { limits: { syscalls: 20_000 } })),
  },
  {
    number: 62,
    title: 'byte-at-a-time frames',
    ...both(nativeAttack('drip 50', { ...OK, stdout: 'answered, byte by byte\n' })),
  },
  {
    number: 63,
    title: 'never answering a peek',
    ...both(nativeAttack('silence', ENDED_BY_WALL, { limits: SHORT_WAIT })),
  },
  {
    number: 64,
    title: '`Z` length -1, 2^63, above max',
    ...both(
      ...stringLengths('-1', '0x8000000000000000', '0x7fffffffffffffff', '-14000', '4097', '0x100000001'),
    ),
  },
  {
    number: 65,
    title: 'more data than asked after `R`',
    ...both(
      nativeAttack('too-much peek', BROKEN_PROTOCOL),
      nativeAttack('too-much string', BROKEN_PROTOCOL),
      nativeAttack('too-little 30', { status: 'ok', exitCode: 0 }),
      nativeAttack('too-little 0', { status: 'ok', exitCode: 0 }),
    ),
  },
  {
    number: 66,
    title: 'not reading while the controller writes',
    ...both(nativeAttack('deaf', ENDED_BY_WALL, { limits: SHORT_WAIT })),
  },
  {
    number: 67,
    title: 'frames after death, half a frame then exit',
    ...afterDeath(),
  },
  {
    number: 68,
    title: 'a million cheap calls that are dear for the controller',
    seccomp: [
      {
        ...{ name: 'stats', program: '68-stats.py', limits: { syscalls: 30_000 } },
        ...{ expect: ENDED_BY_CALLS, onGvisor: CALLS_OR_TIME },
      },
      {
        name: 'labyrinths of links',
        program: '68-labyrinth.py',
        expect: { status: ['wall-limit', 'syscall-limit', 'time-limit'] },
        limits: { wallMs: 600 },
      },
      {
        name: 'one byte at a time',
        program: '68-bytes.py',
        expect: ENDED_BY_CALLS,
        onGvisor: CALLS_OR_TIME,
        limits: { syscalls: 30_000 },
      },
      {
        name: 'a folder of ten thousand, again and again',
        program: '68-folder.py',
        expect: { status: ['wall-limit', 'time-limit', 'syscall-limit'] },
        limits: { wallMs: 1_500 },
      },
      {
        name: 'a timer of a microsecond',
        program: '68-timer.py',
        expect: { status: ['time-limit', 'wall-limit'] },
        limits: { cpuMs: 300, wallMs: 900 },
      },
      {
        name: 'a mapping that is not there',
        program: '68-false-mapping.py',
        expect: ENDED_BY_WALL,
        limits: { wallMs: 500 },
      },
      {
        name: 'a mapping cut in pieces',
        program: '68-cut-mapping.py',
        expect: { ...OK, stdout: 'refused\n' },
      },
      {
        name: 'a mapping of a hole',
        program: '68-hole.py',
        expect: { status: ['wall-limit', 'memory-limit', 'time-limit', 'ok'] },
        limits: { wallMs: 1_000, memoryBytes: 1 << 30 },
      },
    ],
    rpython: [
      {
        name: 'stats',
        program: 'forever stat /lib/pypy/../pypy/../pypy',
        expect: { status: ['syscall-limit', 'runtime-error'] },
        limits: { syscalls: 30_000 },
      },
      {
        name: 'one byte at a time',
        program: 'forever append x y',
        expect: ENDED_BY_CALLS,
        onGvisor: CALLS_OR_TIME,
        limits: { syscalls: 30_000 },
      },
    ],
  },
];
