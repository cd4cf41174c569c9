import { type Behaviour, nativeAttack, OK } from '../behaviour.js';

const TOO_MUCH_OUTPUT = { status: 'output-limit', exitCode: null, message: /output limit/ } as const;
const NOT_OF_A_GUEST = 'is nothing that a guest does: see the tests that are named';

const elsewhere = (file: string, title: string) => ({ file, title });
const API = 'services/scheduler/test/hostile.redis.test.ts';
const COVERT = 'packages/trials/hostile/test/covert.guest.test.ts';

export const SURROUNDINGS: readonly Behaviour[] = [
  {
    number: 69,
    title: 'endless output on both streams',
    seccomp: [
      {
        name: '',
        program: '69-endless-output.py',
        expect: TOO_MUCH_OUTPUT,
        limits: { outputBytes: 100_000 },
        portable: true,
      },
    ],
    rpython: [
      {
        name: '',
        program: 'forever print xxxxxxxxxxxxxxxx',
        expect: TOO_MUCH_OUTPUT,
        limits: { outputBytes: 100_000 },
      },
      {
        name: 'behind the translation',
        program: `message 100000 ${'x'.repeat(99)}\nprint done`,
        expect: { ...OK, stdout: 'done\n' },
        // Each piece is a call.
        onGvisor: { status: ['ok', 'time-limit'] },
      },
    ],
  },
  {
    number: 70,
    title: 'write after close',
    seccomp: [
      {
        name: '',
        program: '70-write-after-close.py',
        expect: { status: 'runtime-error', exitCode: 3, stdout: 'before\n', stderr: '' },
      },
    ],
    rpython: [
      {
        name: '',
        program: 'print before\ntry raw close(i)i 2\ntry raw close(i)i 1\nprint after',
        expect: { status: 'runtime-error', exitCode: 1, stdout: 'before\n0 -\nok\n', stderr: '' },
      },
    ],
  },
  {
    number: 71,
    title: 'invalid UTF-8, ANSI/OSC, bidi',
    seccomp: [
      { name: '', program: '71-odd-bytes.py', expect: { ...OK, stdout: /\ufffd/, stderr: /\u202e/ } },
    ],
    rpython: [
      {
        name: '',
        program: 'print \u001b]0;title\u0007\u001b[2J\u202e\nerror \u009b31m',
        expect: { ...OK, stdout: '\u001b]0;title\u0007\u001b[2J\u202e\n' },
      },
    ],
    elsewhere: [
      elsewhere(
        'packages/tools/cli/test/interact.guest.test.ts',
        'escapes control characters of the output, unless --raw',
      ),
      elsewhere(
        'packages/sandbox/controller/test/statuses.guest.test.ts',
        'writes what is no UTF-8 loses nothing',
      ),
      elsewhere('packages/tools/cli/test/rendering.test.ts', 'has no control characters'),
    ],
  },
  {
    number: 72,
    title: 'markup in output, errors, file and run names',
    seccomp: [
      {
        name: '',
        program: '72-markup.py',
        expect: { status: 'runtime-error', exitCode: 1, stdout: /<script>/, stderr: /<img src=x>/ },
      },
    ],
    rpython: [
      {
        name: '',
        program: 'print <script>alert(1)</script>\ncat <img',
        expect: { status: 'runtime-error', exitCode: 1, stdout: /<script>/, stderr: /<img/ },
      },
    ],
    elsewhere: [elsewhere(API, 'comes back as JSON that no browser takes for a page')],
  },
  {
    number: 73,
    title: 'log forging by CRLF',
    seccomp: NOT_OF_A_GUEST,
    rpython: NOT_OF_A_GUEST,
    elsewhere: [
      elsewhere(
        'packages/service/telemetry/test/telemetry.test.ts',
        'writes one line per event, whatever a program or a client puts into it',
      ),
    ],
  },
  {
    number: 74,
    title: 'archives: bomb, slip, symlink',
    seccomp: [
      {
        name: 'in the guest',
        program: '74-archives.py',
        expect: { ...OK, stdout: 'held\n' },
        limits: { diskBytes: 1 << 20, memoryBytes: 1 << 26 },
      },
    ],
    rpython: 'a translation unpacks into the same virtual files as the engine seccomp',
    elsewhere: [
      elsewhere(
        'packages/tools/grading/test/submissions/load.test.ts',
        'that cannot run are rows with the reason, and the others run',
      ),
      elsewhere('packages/tools/grading/test/files/archive.test.ts', 'is refused by name'),
    ],
  },
  {
    number: 75,
    title: 'JSON depth bomb, `__proto__` keys',
    seccomp: NOT_OF_A_GUEST,
    rpython: NOT_OF_A_GUEST,
    elsewhere: [
      elsewhere(API, 'a body that is deep'),
      elsewhere(API, 'keys that mean something to the language'),
    ],
  },
  {
    number: 76,
    title: 'oversized payloads, odd characters in ids',
    seccomp: NOT_OF_A_GUEST,
    rpython: NOT_OF_A_GUEST,
    elsewhere: [
      elsewhere(API, 'a payload that is too large, in whatever'),
      elsewhere(API, 'ids with odd characters'),
    ],
  },
  {
    number: 77,
    title: 'callbacks to link-local, loopback and metadata addresses, redirects, rebinding',
    seccomp: NOT_OF_A_GUEST,
    rpython: NOT_OF_A_GUEST,
    elsewhere: [
      elsewhere('services/scheduler/test/callback-addresses.test.ts', 'addresses that callbacks are sent to'),
      elsewhere('services/scheduler/test/callback-addresses.test.ts', 'an address of a callback'),
      elsewhere('services/scheduler/test/callbacks.redis.test.ts', 'what a callback does not do'),
    ],
  },
  {
    number: 78,
    title: 'channels between runs: cache, timing, left-overs, a reused process',
    seccomp: [
      { name: 'left-overs', program: '78-left-overs.py', expect: { ...OK, stdout: 'held\n' }, times: 3 },
    ],
    rpython: [
      {
        name: 'left-overs',
        program:
          'try cat left\ntry cat /tmp/left\ngetenv LEFT\nwrite left x\nwrite /tmp/left x\nraw putenv(p)i s:LEFT=x',
        expect: { ...OK, stdout: 'ENOENT\nENOENT\n(none)\n0 -\n' },
        times: 3,
      },
    ],
    elsewhere: [
      elsewhere(COVERT, 'two guests at the same time'),
      elsewhere(COVERT, 'one guest after the other'),
      elsewhere(COVERT, 'a node keeps nothing of its runs where others could look'),
    ],
  },
  {
    number: 79,
    title: 'crash loops that fill a core-dump pipe',
    seccomp: [
      { name: '', program: '79-crash.py', expect: { status: 'runtime-error', signal: 'SIGSEGV' }, times: 10 },
    ],
    rpython: [
      {
        name: '',
        program: 'recurse x',
        limits: { stackBytes: 8 * 2 ** 20 },
        expect: { status: 'runtime-error', signal: 'SIGSEGV' },
        times: 10,
      },
      nativeAttack('frame garbage', { status: 'runtime-error', signal: 'SIGSEGV' }, { times: 5 }),
    ],
  },
];
