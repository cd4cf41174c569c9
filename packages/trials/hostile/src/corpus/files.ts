import { type Attack, type Behaviour, OK } from '../behaviour.js';

const HELD = { ...OK, stdout: 'held\n', stderr: '' } as const;

/** A program that says `held` when everything was as it should be, and else what was not. */
function held(program: string, more: Partial<Attack> = {}): Attack {
  return { name: '', program, expect: HELD, ...more };
}

/** Commands of the C guest, and all that they say. */
function says(program: string, stdout: string | RegExp, more: Partial<Attack> = {}): Attack {
  return { name: '', program, expect: { ...OK, stdout }, ...more };
}

const LONG_NAME = 'n'.repeat(256);
const LONG_PATH = 'x/'.repeat(2048);

export const FILES: readonly Behaviour[] = [
  {
    number: 43,
    title: '`..`, `//`, trailing slash',
    seccomp: [held('43-dots.py', { portable: true })],
    rpython: [
      says(
        'try stat /../../../etc/shadow\ntry stat /box/../../../../root\ntry stat /box/main.py/\ntry stat //box///main.py/../main.py\nlist /box/../../box',
        'ENOENT\nENOENT\nENOTDIR\nENOTDIR\nmain.py\ngiven.txt\n',
      ),
    ],
  },
  {
    number: 44,
    title: '`file/..`',
    seccomp: [held('44-file-dots.py', { portable: true })],
    rpython: [
      says(
        'try stat main.py/..\ntry list main.py/../..\ntry write main.py/../x y',
        'ENOTDIR\nENOTDIR\nENOTDIR\n',
      ),
    ],
  },
  {
    number: 45,
    title: 'NUL byte',
    seccomp: [held('45-nul.py')],
    rpython: [
      says(
        'raw open(pii)i s:/box/nowhere 0 0\nraw mkdir(pi)i s: 0\nraw rename(pp)i s: s:',
        '-1 ENOENT\n-1 ENOENT\n-1 ENOENT\n',
      ),
    ],
  },
  {
    number: 46,
    title: '256-byte name, 4 KiB path',
    seccomp: [held('46-long-names.py')],
    rpython: [
      says(
        `try write ${LONG_NAME} x\ntry stat /box/${LONG_NAME}\ntry mkdir ${LONG_NAME.slice(1)}\ntry stat ${LONG_PATH.slice(0, 4070)}`,
        'ENAMETOOLONG\nENAMETOOLONG\nok\nENOENT\n',
      ),
    ],
  },
  {
    number: 47,
    title: 'symlink loop',
    seccomp: [held('47-link-loop.py')],
    rpython: [
      says(
        'raw symlink(pp)i s:a s:b\nraw symlink(pp)i s:b s:a\ntry stat a\ntry list a\ntry write b x\ntry cat a/../b',
        /^(0|-1) \S+\n(0|-1) \S+\n(\S+ELOOP\n|ELOOP\n|ENOENT\n)+/,
      ),
    ],
  },
  {
    number: 48,
    title: 'bad UTF-8, NFC/NFD twins',
    seccomp: [held('48-names-in-bytes.py')],
    rpython: [says('write \u00e9 one\nwrite e\u0301 two\ncat \u00e9\ncat e\u0301\nlist /box', /^onetwo/)],
  },
  {
    number: 49,
    title: '`%s`, newline, ANSI in names',
    seccomp: [held('49-odd-names.py')],
    rpython: [
      says(
        'write %s%n%x one\nwrite \u001b[31m\u0007 two\ncat %s%n%x\ncat \u001b[31m\u0007\ntry stat %s',
        'onetwoENOENT\n',
      ),
    ],
  },
  {
    number: 50,
    title: '`/proc/self/{mem,environ,fd,root}`, `/dev/full`',
    seccomp: [held('50-proc.py')],
    rpython: [
      says(
        'try cat /proc/self/mem\ntry cat /proc/self/environ\ntry cat /proc/self/maps\ntry list /proc/self/root\ntry cat /proc/1/status\ntry write /dev/full x\nlist /proc',
        /^(ENOENT\n){5}ENOSPC\n(2|self|meminfo|cpuinfo|\n)+$/,
      ),
    ],
  },
  {
    number: 51,
    title: 'NULL, unmapped, page-straddling pointers',
    seccomp: [held('51-pointers.py')],
    rpython: [
      says(
        'raw open(pii)i 0 0 0\nraw open(pii)i -1 0 0\nraw read(ipi)i 0 0 10\nraw stat64(pp)i s:/ -8\nraw write(ipi)i 1 0 10',
        /^(-1 EFAULT\n){2}(-1 EFAULT|0 -)\n(-1 EFAULT\n){2}$/,
      ),
      {
        name: 'unmapped',
        program: 'raw open(pii)i 0xdead000 0 0',
        expect: { status: 'runtime-error', signal: 'SIGSEGV' },
      },
    ],
  },
  {
    number: 52,
    title: 'a million tiny files',
    seccomp: [held('52-tiny-files.py', { limits: { files: 2_000, cpuMs: 10_000 } })],
    rpython: [
      says('try tiny 1000000', 'ENOSPC\n', { limits: { files: 2_000 } }),
      says('try fill big 100', 'ENOSPC\n', { name: 'and one that is large', limits: { diskBytes: 1 << 20 } }),
    ],
  },
  {
    number: 53,
    title: 'sparse 2^63 file',
    seccomp: [held('53-sparse.py', { limits: { cpuMs: 5_000 } })],
    rpython: [
      says(
        'write a x\nraw open(pii)i s:a 2 0\nraw ftruncate(ii)i 3 0x7fffffffffffffff\nraw ftruncate(ii)i 3 -1\nraw lseek(iii)i 3 0x7fffffffffffffff 0\nraw write(ipi)i 3 b 1\nstat a',
        /^3 -\n-1 EFBIG\n-1 EINVAL\n.*\n.*\nfile 644 \d+\n$/,
      ),
    ],
  },
  {
    number: 54,
    title: 'seek overflow',
    seccomp: [held('54-seek.py')],
    rpython: [
      says(
        'raw open(pii)i s:main.py 0 0\nraw lseek(iii)i 3 0x7fffffffffffffff 1\nraw lseek(iii)i 3 0x7fffffffffffffff 2\nraw lseek(iii)i 3 -0x7fffffffffffffff 0\nraw lseek(iii)i 3 0 99\nraw lseek(iii)i 3 0 0',
        /^3 -\n-1 (EOVERFLOW|EINVAL)\n-1 (EOVERFLOW|EINVAL)\n-1 EINVAL\n-1 EINVAL\n0 -\n$/,
      ),
    ],
  },
  {
    number: 55,
    title: 'descriptor exhaustion',
    seccomp: [held('55-descriptors.py', { limits: { openFiles: 64 } })],
    rpython: [says('try forever hold main.py', 'EMFILE\n', { limits: { openFiles: 64 } })],
  },
  {
    number: 56,
    title: 'readdir while changing',
    seccomp: [held('56-changing-folder.py')],
    rpython: [says('mkdir d\nchange d\nlist d', /^\d+ seen\n/)],
  },
  {
    number: 57,
    title: '`__proto__`, `constructor` as names',
    seccomp: [held('57-names-of-objects.py', { args: ['__proto__', 'constructor'] })],
    rpython: [
      says(
        'write __proto__ one\nwrite constructor two\nmkdir toString\nwrite toString/__proto__ three\ncat __proto__\ncat constructor\ncat toString/__proto__\ngetenv __proto__\ngetenv constructor\ntry stat hasOwnProperty\nraw constructor()i\nraw __proto__()p\nraw hasOwnProperty(i)i 1',
        'onetwothree(none)\n(none)\nENOENT\n-1 ENOSYS\n0 ENOSYS\n-1 ENOSYS\n',
      ),
    ],
  },
  {
    number: 58,
    title: "reading host files, environment, another run's files",
    seccomp: [held('58-looks-around.py')],
    rpython: [
      says(
        [
          ...[
            '/etc/shadow',
            '/etc/hosts',
            '/root',
            '/home',
            '/usr/bin/env',
            '/sys',
            '/proc/1',
            '/proc/cmdline',
            '/var',
            '/run',
          ].map((path) => `try stat ${path}`),
          'try list /box/../../tmp',
          'environ',
        ].join('\n'),
        /^(ENOENT\n){10}ok\nPATH=\/usr\/bin:\/bin\nHOME=\/box\nLANG=C.UTF-8\nGIVEN=given-\w+\n$/,
      ),
    ],
  },
];
