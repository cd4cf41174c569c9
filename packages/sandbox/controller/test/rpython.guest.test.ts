import { readdirSync, readFileSync } from 'node:fs';
import { type RunResult, type RunStatus, textOf } from '@sandpiper/contracts';
import { Cell } from '@sandpiper/controller';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { PATIENCE, runSource, type SourceRun } from './local.js';
import { Bench } from './translated.js';

/**
 * The engine rpython against a C program that speaks the guest's side, so a program here is a list of its
 * commands (packages/sandbox/guest/native/test/translated_guest.c). What Python does on it:
 * engines.guest.test.ts.
 */

const MIB = 1024 * 1024;
const bench = new Bench();
let cell: Cell;

beforeAll(async () => {
  cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null });
});
afterAll(async () => {
  await cell.close();
  bench.remove();
});

function run(program: string, more: SourceRun = {}): Promise<RunResult> {
  return runSource(cell, `${program}\n`, { interpreter: bench.interpreter, ...more });
}

// Whatever the last program did, the cell serves the next one normally.
afterEach(async () => {
  expect(await run('print 42\nlist /box\nlist /tmp')).toMatchObject({
    status: 'ok',
    stdout: '42\nmain.py\n',
    stderr: '',
  });
});

interface Case extends SourceRun {
  readonly name: string;
  readonly program: string;
  readonly status?: RunStatus;
  readonly exitCode?: number | null;
  readonly signal?: string;
  readonly stdout?: string | RegExp;
  readonly stderr?: string | RegExp;
  readonly deniedCalls?: Readonly<Record<string, number>>;
}

const DETERMINISTIC = { seed: '1', epochMs: 1_600_000_000_000, transcriptPath: null };
const SMALL = { cpuMs: 500, wallMs: 1500 };
/** Elapsed time is left at its default: on a busy host half a second of CPU time may take long. */
const CPU_BOUND = { cpuMs: 500 };

const ORDINARY: Case[] = [
  { name: 'prints', program: 'print hello\nerror oh', stdout: 'hello\n', stderr: 'oh\n', exitCode: 0 },
  { name: 'ends with a code', program: 'exit 7', status: 'runtime-error', exitCode: 7 },
  { name: 'ends with a code over the wire', program: '_exit 9', status: 'runtime-error', exitCode: 9 },
  { name: 'ends well over the wire', program: 'print a\n_exit 0\nprint b', stdout: 'a\n', exitCode: 0 },
  {
    name: 'fails',
    program: 'cat /nowhere',
    status: 'runtime-error',
    exitCode: 1,
    stderr: 'cat /nowhere: ENOENT\n',
  },
  {
    name: 'looks at its arguments',
    program: 'argv',
    args: ['a b', '-S', 'ü', ''],
    stdout: '/lib/pypy\nmain.py\na b\n-S\nü\n\n',
  },
  {
    name: 'looks at its environment',
    program: 'environ\ngetenv SECRET\ngetenv NONE',
    env: { SECRET: 'ü=1', LD_PRELOAD: '/x.so' },
    stdout: 'PATH=/usr/bin:/bin\nHOME=/box\nLANG=C.UTF-8\nSECRET=ü=1\nLD_PRELOAD=/x.so\nü=1\n(none)\n',
  },
  { name: 'reads its input', program: 'stdin', stdin: 'a\0b\nlast', stdout: 'a\0b\nlast' },
  { name: 'reads no input', program: 'stdin', stdout: '' },
  {
    name: 'works with files',
    program: `write a one
append a two
cat a
print
mkdir folder
try mkdir folder
rename a folder/b
list /box
list folder
stat folder/b
stat folder
unlink folder/b
try stat folder/b
rmdir folder
list /box`,
    stdout: 'onetwo\nEEXIST\nmain.py\nfolder\nb\nfile 644 6\nfolder 755 0\nENOENT\nmain.py\n',
  },
  {
    name: 'finds the files of the run',
    program: 'cat data.txt\ncat sub/x',
    files: { 'data.txt': 'ten bytes\n', 'sub/x': 'deep' },
    stdout: 'ten bytes\ndeep',
  },
  {
    name: 'sees the library of the host, and cannot change it',
    program: `list /lib
cat /lib/lib-python/3/os.py
try write /lib/lib-python/3/os.py x
try write /lib/lib_pypy/new.py x
try unlink /lib/lib-python/3/os.py
try rename /lib/lib-python/3/os.py /lib/lib-python/3/no.py
try mkdir /lib/lib_pypy/__pycache__`,
    stdout: `pypy\nlib-python\nlib_pypy\nthe library\n${'EROFS\n'.repeat(5)}`,
  },
  {
    name: 'sees nothing else of the host',
    program:
      'try stat /etc/shadow\ntry stat /usr\ntry stat /root\ntry stat /proc/1\ntry stat /lib/x86_64-linux-gnu\ncat /etc/passwd',
    stdout: /^(ENOENT\n){5}root:x:0:0:.*\nuser:x:1000:1000:/,
  },
  { name: 'asks who it is', program: 'uname', stdout: 'Linux sandpiper\n' },
  {
    name: 'sleeps and looks at the clock',
    program: 'sleep 1100\ntime',
    stdout: /^1[78]\d{8}\n$/,
  },
  {
    name: 'has a simulated clock',
    program: 'time\nsleep 3600000\ntime',
    deterministic: DETERMINISTIC,
    stdout: '1600000000\n1600003600\n',
  },
];

const LIMITED: Case[] = [
  { name: 'spins', program: 'spin', status: 'time-limit', limits: CPU_BOUND, exitCode: null },
  { name: 'sleeps', program: 'sleep 100000', status: 'wall-limit', limits: SMALL },
  { name: 'stops answering', program: 'hang', status: 'wall-limit', limits: SMALL },
  {
    name: 'hoards memory piece by piece',
    program: 'forever grow 1',
    status: 'memory-limit',
    limits: { memoryBytes: 64 * MIB },
  },
  {
    name: 'has a little too much memory and ends at once',
    program: 'grow 66\n_exit 0',
    status: 'memory-limit',
    limits: { memoryBytes: 64 * MIB },
  },
  {
    name: 'stays below its memory limit',
    program: 'grow 40\nprint ok',
    limits: { memoryBytes: 64 * MIB },
    stdout: 'ok\n',
  },
  {
    name: 'asks for too much memory at once, and would go on without it',
    program: 'print before\ntry grow 8192',
    status: 'memory-limit',
    limits: { memoryBytes: 64 * MIB },
    stdout: 'before\n',
  },
  {
    name: 'prints without end',
    program: 'forever print xxxxxxxxx',
    status: 'output-limit',
    limits: { outputBytes: 10_000 },
    stdout: /^(x{9}\n){1000}$/,
  },
  {
    name: 'fills its disk',
    program: 'fill big 2',
    status: 'disk-limit',
    limits: { diskBytes: MIB },
    exitCode: 1,
    stderr: 'fill big 2: ENOSPC\n',
  },
  {
    name: 'fills its disk and copes',
    program: 'try fill big 2',
    limits: { diskBytes: MIB },
    stdout: 'ENOSPC\n',
  },
  {
    name: 'makes calls without end',
    program: 'forever stat /',
    status: 'syscall-limit',
    limits: { syscalls: 5000 },
  },
  {
    name: 'opens files without end',
    program: 'try forever hold main.py',
    limits: { openFiles: 20 },
    stdout: 'EMFILE\n',
  },
];

const ABORTED: Case[] = [
  {
    name: 'aborts',
    program: 'print before\nabort RPython traceback: out of memory',
    status: 'runtime-error',
    exitCode: null,
    signal: 'SIGABRT',
    stdout: 'before\n',
    stderr: 'RPython traceback: out of memory\n',
  },
  {
    name: 'forks, which is not in its translation',
    program: 'fork',
    status: 'runtime-error',
    signal: 'SIGABRT',
    stderr: "reached forbidden function 'fork'\n",
  },
  {
    name: 'kills itself over the wire',
    program: 'raw kill(ii)i 2 15',
    status: 'runtime-error',
    signal: 'SIGTERM',
  },
  {
    name: 'speaks on its own descriptor 2 as well',
    program: 'error virtual\nmessage 2 native',
    stderr: 'virtual\nnative\nnative\n',
  },
];

const HOSTILE: Case[] = [
  {
    name: 'makes calls outside the table',
    program:
      'raw bogus(ipf)i 1 2 3\nraw bogus(ipf)i 1 2 3\nraw bogus()p\nraw toString()f\nraw chroot(p)i s:x\nraw fork()i',
    stdout: '-1 ENOSYS\n-1 ENOSYS\n0 ENOSYS\n-4616189618054758400 ENOSYS\n-1 EPERM\n-1 ENOSYS\n',
    deniedCalls: { 'bogus(ipf)i': 2, 'bogus()p': 1, 'toString()f': 1, 'chroot(p)i': 1, 'fork()i': 1 },
  },
  {
    name: 'gives bad arguments',
    program: `raw lseek(iii)i 99 0 0
raw close(i)i -1
raw open(pii)i 0 0 0
raw open(pii)i -1 0 0
raw stat64(pp)i s:/ 0
raw read(ipi)i 0 b -1
raw write(ipi)i 1 b -1
raw write(ipi)i 1 b 0x7fffffffffffffff
raw readdir(p)p 4096
raw closedir(p)i 0
raw lseek(iii)i 0 -5 0
raw select(ipppp)i -1 0 0 0 0
raw sysconf(i)i 12345
raw getenv(p)p 0
raw mkdir(pi)i s: 0
raw dup2(ii)i 0 4097`,
    stdout: `-1 EBADF
-1 EBADF
-1 EFAULT
-1 EFAULT
-1 EFAULT
-1 EFAULT
-1 EFAULT
-1 EFAULT
0 EBADF
-1 EBADF
-1 EINVAL
-1 EINVAL
-1 EINVAL
0 EFAULT
-1 ENOENT
-1 EBADF
`,
  },
  {
    name: 'lets the controller look where nothing is',
    program: 'raw open(pii)i 0xdead000 0 0',
    status: 'runtime-error',
    signal: 'SIGSEGV',
  },
  { name: 'sends garbage', program: 'garbage 056a756e6b21', status: 'violation' },
  { name: 'sends an empty name', program: 'garbage 00', status: 'violation' },
  { name: 'sends bytes that are not text', program: 'garbage 04ff80c328', status: 'violation' },
  {
    name: 'begins a request and does not end it',
    program: 'garbage ff61',
    status: 'wall-limit',
    limits: SMALL,
  },
  { name: 'sends two requests at once', program: 'twice', status: 'violation' },
  { name: 'claims a negative string length', program: 'lie -1\nstat /', status: 'violation' },
  {
    name: 'claims an impossible string length',
    program: 'lie 0x7000000000000000\nstat /',
    status: 'violation',
  },
  { name: 'claims a longer string than requested', program: 'lie 4097\nstat /', status: 'violation' },
  { name: 'ends in the middle of a request', program: 'half', exitCode: 0 },
  {
    name: 'claims what only the shim may say',
    program: 'raw sandpiper_nomem(ii)i 0 0',
    stdout: '-1 ENOSYS\n',
  },
  { name: 'makes a call of the x32 table', program: 'native x32', status: 'violation' },
];

function check(result: RunResult, wanted: Case): void {
  const { status = 'ok', stdout, stderr } = wanted;
  expect(result.status, JSON.stringify(result, null, 1).slice(0, 3000)).toBe(status);
  expect(result.signal).toBe(wanted.signal ?? null);
  expect(result.engine).toBe('rpython');
  if (wanted.exitCode !== undefined) expect(result.exitCode).toBe(wanted.exitCode);
  if (stdout !== undefined) expect(result.stdout).toEqual(stringOrMatching(stdout));
  if (stderr !== undefined) expect(result.stderr).toEqual(stringOrMatching(stderr));
  if (wanted.deniedCalls !== undefined) expect(result.deniedCalls).toEqual(wanted.deniedCalls);
  if (status === 'ok') expect(result.message).toBeNull();
  else expect(result.message).toMatch(/\S/);
}

function stringOrMatching(wanted: string | RegExp): unknown {
  return typeof wanted === 'string' ? wanted : expect.stringMatching(wanted);
}

describe.each([
  ['is an ordinary one', ORDINARY],
  ['meets a limit', LIMITED],
  ['dies of a signal or speaks behind its translation', ABORTED],
  ['is hostile', HOSTILE],
])('a translated guest that %s', (_what, cases) => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (_name, wanted) => {
    check(await run(wanted.program, wanted), wanted);
  });
});

describe('the filter under a translated guest', () => {
  it('lets it only communicate, compute and end natively', async () => {
    const result = await run('survey');
    // read, mprotect, munmap, brk, rt_sigprocmask, mremap, madvise, getpid, gettid, restart_syscall; futex
    // wants an operation that is not 0
    const allowed = [0, 10, 11, 12, 14, 25, 28, 39, 186, 219];
    expect(textOf(result, 'stdout').trim().split('\n').map(Number)).toEqual(allowed);
    // it came to the last number
    expect(result.status).toBe('ok');
  });

  it.each([
    ['openat', 'ENOENT'],
    ['open', 'ENOENT'],
    ['create', 'ENOENT'],
    ['stat', 'ENOENT'],
    ...[
      'socket',
      'fork',
      'clone',
      'execve',
      'kill',
      'kill-init',
      'kill-self',
      'map-file',
      'dup',
      'ptrace',
      'prctl',
    ].map((name) => [name, 'EPERM']),
    ...['read-other', 'write-other', 'write-stdin'].map((name) => [name, 'EPERM']),
  ])('answers %s with %s', async (name, errno) => {
    expect(await run(`native ${name}`)).toMatchObject({ status: 'ok', stdout: `${name} ${errno}\n` });
  });
});

describe("a translated guest's own descriptor 2", () => {
  const LINE = 'x'.repeat(99);

  it('never blocks it, and is cut', async () => {
    const result = await run(`message 100000 ${LINE}\nprint done`, { limits: CPU_BOUND });
    expect(result).toMatchObject({ status: 'ok', stdout: 'done\n', stderrTruncated: true });
    expect(result.stderr).toBe(`${LINE}\n`.repeat(328).slice(0, 32 * 1024));
  });

  it('is complete where it is short', async () => {
    const result = await run(`message 300 ${LINE}`);
    expect(result).toMatchObject({ stderr: `${LINE}\n`.repeat(300), stderrTruncated: false });
  });

  it('counts as output', async () => {
    const result = await run(`print abc\nmessage 300 ${LINE}`, { limits: { outputBytes: 1000 } });
    expect(result.stdout).toBe('abc\n');
    expect(result.stderr).toHaveLength(996);
    expect(result.stderrTruncated).toBe(true);
  });
});

describe('a cell with translated guests', () => {
  it.each(['spin', 'sleep 20000', 'hang'])('cancels the run that it is told to: %s', async (program) => {
    const running = run(program, { id: 'this' });
    await vi.waitUntil(() => guests().length > 0, PATIENCE);
    cell.cancel('this');
    expect(await running).toMatchObject({ status: 'cancelled', exitCode: null });
  });

  it('repeats a deterministic run call by call', async () => {
    const program = 'write a x\nlist /box\nstat a\ngrow 1\nuname\ntime';
    const [one, other] = [
      await run(program, { deterministic: DETERMINISTIC }),
      await run(program, { deterministic: DETERMINISTIC }),
    ];
    expect(one).toMatchObject({ status: 'ok', stdout: other.stdout });
    expect(one.transcriptDigest).toMatch(/^[0-9a-f]{64}$/);
    expect(one.transcriptDigest).toBe(other.transcriptDigest);
  });

  it('serves stock interpreters in between', async () => {
    expect(await runSource(cell, 'print(6 * 7)')).toMatchObject({ engine: 'seccomp', stdout: '42\n' });
    expect(await run('print 42')).toMatchObject({ engine: 'rpython', stdout: '42\n' });
  });

  it('leaves no descriptor and no process behind', async () => {
    await run('print 1');
    const descriptors = readdirSync('/proc/self/fd').length;
    for (const program of ['print 1', 'abort now', 'garbage 00', 'spin'])
      await run(program, { limits: SMALL });
    expect(readdirSync('/proc/self/fd').length).toBe(descriptors);
    expect(guests()).toEqual([]);
  });
});

/** The guests of this process: children of its keeper, started as /lib/pypy. */
function guests(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const started = readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('/lib/pypy\0');
      return started && parentOf(parentOf(pid)) === String(process.pid);
    } catch {
      return false; // no process, or one that has ended meanwhile
    }
  });
}

/** The name of a program may hold spaces and parentheses (proc(5)). */
function parentOf(pid: string): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? '';
}
