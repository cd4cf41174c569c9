import { bytesOf, type LimitsRequest, type RunStatus } from '@sandpiper/contracts';
import { CALL_OF_32_BITS, has32BitCalls } from '@sandpiper/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cell } from '@sandpiper/controller';
import { runSource } from './local.js';

const MIB = 1024 * 1024;
let cell: Cell;

beforeAll(async () => {
  cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null });
});
afterAll(() => cell.close());

// Whatever the last program did, the cell serves the next one as if nothing had happened.
afterEach(async () => {
  const next = await runSource(cell, 'import os; print(6 * 7, os.listdir("/box"), os.listdir("/tmp"))');
  expect(next).toMatchObject({ status: 'ok', stdout: "42 ['main.py'] []\n", stderr: '' });
});

interface Case {
  readonly name: string;
  readonly source: string;
  readonly status: RunStatus;
  readonly limits?: LimitsRequest;
  readonly exitCode?: number | null;
  readonly signal?: string;
  readonly stderr?: RegExp;
  readonly stdout?: RegExp;
}

const SMALL = { cpuMs: 500, wallMs: 1500 };
/** Elapsed time is left at its default: on a busy host half a second of CPU time may take long. */
const CPU_BOUND = { cpuMs: 500 };

const CASES: Case[] = [
  { name: 'ends by itself', source: 'print(1)', status: 'ok', exitCode: 0, stdout: /^1\n$/ },
  { name: 'exits with a code', source: 'import sys; sys.exit(7)', status: 'runtime-error', exitCode: 7 },
  { name: 'raises', source: '1/0', status: 'runtime-error', exitCode: 1, stderr: /ZeroDivisionError/ },
  {
    name: 'aborts',
    source: 'import os; os.abort()',
    status: 'runtime-error',
    exitCode: null,
    signal: 'SIGABRT',
  },
  {
    name: 'kills itself',
    source: 'import os, signal; os.kill(os.getpid(), signal.SIGTERM)',
    status: 'runtime-error',
    signal: 'SIGTERM',
  },
  {
    name: 'jumps to nowhere',
    source: 'import ctypes; ctypes.CFUNCTYPE(None)(64)()',
    status: 'runtime-error',
    signal: 'SIGSEGV',
  },
  { name: 'spins', source: 'while True: pass', status: 'time-limit', limits: CPU_BOUND, exitCode: null },
  { name: 'sleeps', source: 'import time; time.sleep(2**62 / 1e9)', status: 'wall-limit', limits: SMALL },
  {
    name: 'waits on a lock for ever',
    source: 'import threading; l = threading.Lock(); l.acquire(); l.acquire()',
    status: 'wall-limit',
    limits: SMALL,
  },
  {
    name: 'backtracks in a regular expression',
    source: 'import re; re.match("(a+)+b", "a" * 40)',
    status: 'time-limit',
    limits: CPU_BOUND,
  },
  {
    name: 'hoards memory piece by piece',
    source: 'a = []\nwhile True: a.append(bytearray(1 << 20))',
    status: 'memory-limit',
    limits: { memoryBytes: 64 * MIB },
  },
  {
    name: 'asks for too much memory at once and catches the error',
    source: 'try: bytearray(1 << 43)\nexcept MemoryError: print("caught")',
    status: 'ok',
    exitCode: 0,
    stdout: /^caught\n$/,
    limits: { memoryBytes: 64 * MIB },
  },
  {
    name: 'stays below its memory limit',
    source:
      'import mmap\nb = mmap.mmap(-1, 40 << 20)\nfor i in range(0, len(b), 4096): b[i] = 1\nprint(len(b) >> 20)',
    status: 'ok',
    limits: { memoryBytes: 64 * MIB },
    stdout: /^40\n$/,
  },
  {
    name: 'prints without end',
    source: 'while True: print("x" * 1000)',
    status: 'output-limit',
    limits: { outputBytes: 10_000 },
    stdout: /^(x{1000}\n){9}/,
  },
  {
    name: 'fills its disk',
    source: 'f = open("/tmp/big", "wb", 0)\nwhile True: f.write(bytes(65536))',
    status: 'disk-limit',
    limits: { diskBytes: MIB },
    exitCode: 1,
    stderr: /No space left on device/,
  },
  {
    name: 'fills its disk and copes',
    source:
      'try:\n f = open("big", "wb", 0)\n while True: f.write(bytes(65536))\nexcept OSError as e: print(e.errno)',
    status: 'ok',
    limits: { diskBytes: MIB },
    stdout: /^28\n$/,
  },
  {
    name: 'makes system calls without end',
    source: 'import os\nwhile True: os.stat("/")',
    status: 'syscall-limit',
    limits: { syscalls: 5000 },
  },
  {
    name: 'forks',
    source: 'import os\nwhile True: os.fork()',
    status: 'runtime-error',
    stderr: /BlockingIOError/,
  },
  {
    name: 'starts a thread',
    source: 'import threading; threading.Thread(target=print).start()',
    status: 'runtime-error',
    stderr: /can't start new thread/,
  },
  {
    name: 'calls the network',
    source: 'import socket; socket.create_connection(("127.0.0.1", 80))',
    status: 'runtime-error',
    stderr: /PermissionError|gaierror/,
  },
  {
    name: 'recurses without end',
    source: 'def f(): f()\nf()',
    status: 'runtime-error',
    stderr: /RecursionError/,
  },
  {
    name: 'looks for files of the host',
    source: `import os
for path in "/etc/shadow", "/etc/hosts", "/root", "/home", "/proc/1", "/proc/self/environ", "/sys":
    assert not os.path.exists(path), path
print(open("/etc/passwd").read(), open("/etc/hostname").read())`,
    status: 'ok',
    stdout: /^root:x:0:0:.*\nuser:x:1000:1000:.*\n sandpiper\n/,
  },
  {
    name: 'writes to its interpreter',
    source: 'import os; open(os.__file__, "w")',
    status: 'runtime-error',
    stderr: /Read-only file system/,
  },
  {
    name: 'makes a system call of 32 bits',
    source: CALL_OF_32_BITS,
    ...(has32BitCalls() ? { status: 'violation' } : { status: 'runtime-error', signal: 'SIGSEGV' }),
  },
  {
    name: 'makes a call of the x32 table',
    source: 'import ctypes; ctypes.CDLL(None).syscall(0x40000000 | 39)',
    status: 'violation',
  },
  {
    name: 'makes calls that look like interrupted ones',
    source: `import ctypes
c = ctypes.CDLL(None, use_errno=True)
for n in (-1, -512, -513, -514, -516, 1023): assert c.syscall(ctypes.c_long(n)) == -1 and ctypes.get_errno() == 38, n
print("ok")`,
    status: 'ok',
    stdout: /^ok\n$/,
  },
  {
    name: 'reads and writes the pipes of the protocol',
    source: `import ctypes
c = ctypes.CDLL(None)
c.syscall(1, 8191, b"\\x05junk!" * 20, 100)`,
    status: 'violation',
  },
  {
    name: 'gives bad addresses',
    source: `import ctypes
c = ctypes.CDLL(None, use_errno=True)
def fails(name, *a):
    assert getattr(c, name)(*a) == -1, name
    return ctypes.get_errno()
bad = ctypes.c_void_p(0xdead000)
assert fails("stat", bad, bad) == 14
assert fails("write", 1, bad, 10) == 14
assert fails("write", 1, bad, 1 << 20) == 14
r, w = __import__("os").pipe()
__import__("os").write(w, b"x" * 100)
assert fails("read", r, bad, 100) == 14
assert fails("open", ctypes.c_void_p(-1), 0) == 14
print("ok")`,
    status: 'ok',
    stdout: /^ok\n$/,
  },
];

describe('a program that', () => {
  it.each(CASES)('$name: $status', async (wanted) => {
    const result = await runSource(
      cell,
      wanted.source,
      wanted.limits === undefined ? {} : { limits: wanted.limits },
    );
    expect(result.status, JSON.stringify(result, null, 1).slice(0, 3000)).toBe(wanted.status);
    if (wanted.exitCode !== undefined) expect(result.exitCode).toBe(wanted.exitCode);
    expect(result.signal).toBe(wanted.signal ?? null);
    if (wanted.stdout !== undefined) expect(result.stdout).toMatch(wanted.stdout);
    if (wanted.stderr !== undefined) expect(result.stderr).toMatch(wanted.stderr);
    if (wanted.status === 'ok') expect(result.message).toBeNull();
    else expect(result.message).toMatch(/\S/);
  });

  it('writes what is no UTF-8 loses nothing', async () => {
    const result = await runSource(cell, 'import os; os.write(1, bytes(range(256)))');
    expect(result.stdout).toBeUndefined();
    expect(bytesOf(result, 'stdout')).toEqual(Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
  });

  it('reads its input gets every byte of it', async () => {
    const stdin = Buffer.alloc(3 * MIB, 'abcdefg\n');
    const source = 'import sys, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())';
    const { createHash } = await import('node:crypto');
    const result = await runSource(cell, source, { stdin });
    expect(result.stdout).toBe(`${createHash('sha256').update(stdin).digest('hex')}\n`);
  });

  it('was refused calls finds them named in the result', async () => {
    const result = await runSource(
      cell,
      'import ctypes; [ctypes.CDLL(None).syscall(425 + i) for i in range(3)]',
    );
    expect(result.deniedCalls).toMatchObject({ io_uring_setup: 1, io_uring_enter: 1, io_uring_register: 1 });
  });
});
