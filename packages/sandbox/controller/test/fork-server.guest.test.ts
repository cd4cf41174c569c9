import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cell, DEFAULT_PROFILE } from '@sandpiper/controller';
import { SHIM_PATH } from '@sandpiper/guest';
import { textOf } from '@sandpiper/contracts';
import { childrenOf } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PATIENCE, runSource, type SourceRun, startBothCells } from './local.js';

const PROGRAMS = new URL('../../../../examples/programs/', import.meta.url);

/** A zip archive of one `__main__.py`, which prints that it began. */
const ARCHIVE = Buffer.from(
  'UEsDBBQAAAAAAAAAIVzgSCxgDgAAAA4AAAALAAAAX19tYWluX18ucHlwcmludCgiYmVnYW4iKVBLAQIUAxQAAAAAAAAAIVzgSCxgDgAAAA4AAAALAAAAAAAAAAAAAACAAQAAAABfX21haW5fXy5weVBLBQYAAAAAAQABADkAAAA3AAAAAAA=',
  'base64',
);

let cold: Cell;
let forking: Cell;

beforeAll(async () => {
  [cold, forking] = await startBothCells();
});

afterAll(async () => {
  await cold.close();
  await forking.close();
});

/** What a program and its caller see of one way to start it. */
async function seen(cell: Cell, source: string, more: SourceRun = {}) {
  const result = await runSource(cell, source, more);
  const { start, status, exitCode, signal } = result;
  const said = { stdout: textOf(result, 'stdout'), stderr: textOf(result, 'stderr') };
  return { start, what: { status, exitCode, signal, ...said } };
}

async function expectTheSame(source: string, more: SourceRun = {}): Promise<string> {
  const [first, second] = [await seen(cold, source, more), await seen(forking, source, more)];
  expect([first.start, second.start]).toEqual(['cold', 'forked']);
  expect(second.what).toEqual(first.what);
  return first.what.stdout;
}

const optional = (name: string) => {
  const path = new URL(name, PROGRAMS);
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
};

describe('a guest forked from a parked parent looks like a fresh one to its program', () => {
  it.each(readdirSync(PROGRAMS).filter((name) => name.endsWith('.py')))('%s', async (name) => {
    const args = optional(name.replace('.py', '.args'))?.trimEnd().split('\n') ?? [];
    const stdin = optional(name.replace('.py', '.in')) ?? '';
    await expectTheSame(readFileSync(new URL(name, PROGRAMS), 'utf8'), { args, stdin });
  });

  it.each([
    ['its own names', 'print(sorted(globals()), __name__, __file__, __doc__, __builtins__, __spec__)'],
    [
      'sys',
      'import sys\nprint(sys.argv, sys.path, sys.flags, sys.meta_path, [hook.__name__ for hook in sys.path_hooks], sys.executable, sys.orig_argv if hasattr(sys, "orig_argv") else 0)',
    ],
    ['the environment', 'import os\nprint(sorted(os.environ.items()), os.environb[b"MORE"])'],
    [
      'native getenv',
      'import ctypes\nc = ctypes.CDLL(None); c.getenv.restype = ctypes.c_char_p\nprint(c.getenv(b"MORE"), c.getenv(b"PYTHONPATH"))',
    ],
    [
      'no trace of how it began',
      'import sys, os\nprint("sitecustomize" in sys.modules, os.path.exists("/sandpiper"), sys._getframe().f_back)',
    ],
    [
      'streams',
      'import sys\nprint(sys.stdin, sys.stdout, sys.stderr, sys.stdout.line_buffering, sys.stdin.isatty(), sys.stdin.tell())',
    ],
    [
      'open files',
      'import os\nprint(os.listdir("/proc/self/fd")[:3], os.getcwd(), os.umask(0), os.getpid(), os.getppid())',
    ],
    ['handlers of signals', 'import signal\nprint([(s, signal.getsignal(s)) for s in (2, 13, 15, 25)])'],
    [
      'threads',
      'import threading\nprint(threading.current_thread().name, threading.active_count())\nthreading.Thread(target=print).start()',
    ],
    ['a traceback', 'def f(): raise KeyError("x")\nf()'],
    ['a syntax error', 'print(1)\n  what'],
    ['SystemExit with a text', 'raise SystemExit("no more")'],
    ['atexit', 'import atexit\natexit.register(print, "bye")\nprint("hello")'],
    ['a signal of its own', 'import os, signal\nos.kill(os.getpid(), signal.SIGTERM)'],
    ['KeyboardInterrupt', 'import os, signal\nos.kill(os.getpid(), signal.SIGINT)'],
    ['abort', 'import os\nos.abort()'],
    ['fork', 'import os\ntry: os.fork()\nexcept OSError as e: print(e)'],
    ['warnings', 'import warnings\nprint(warnings.filters)\nwarnings.warn("x")'],
    [
      'limits of the interpreter',
      'import sys, gc\nprint(sys.getrecursionlimit(), gc.isenabled(), sys.getswitchinterval())',
    ],
    ['a module beside it', 'import helper\nprint(helper.__file__, helper.VALUE)'],
    [
      'late modules',
      'import sqlite3, decimal, hashlib, asyncio\nprint(hashlib.sha256(b"").hexdigest(), decimal.Decimal(1) / 3)',
    ],
  ])('%s', async (_, source) => {
    await expectTheSame(source, {
      args: ['a', 'b c', 'ü'],
      env: { MORE: 'x=1' },
      files: { 'helper.py': 'VALUE = 7' },
    });
  });
});

it('runs programs that are longer than one read, in a folder, and that read themselves', async () => {
  const source = `# ${'x'.repeat(200_000)}\nimport sys, helper\nprint(__file__, sys.path[0], len(open(__file__).read()), helper.VALUE)`;
  const files = { 'inner/helper.py': 'VALUE = 7', 'inner/program.py': source };
  const said = await expectTheSame('', { files, programPath: 'inner/program.py', args: ['x'.repeat(5000)] });
  expect(said).toBe('/box/inner/program.py /box/inner 200092 7\n');
});

describe('the fork server', () => {
  it('gives a child the pipe that a cold guest has, where its input is yet to come', async () => {
    const source = `
import os, stat, sys
s = sys.stdin
print(stat.S_ISFIFO(os.fstat(0).st_mode), s.seekable(), s.buffer.seekable(), s.buffer.raw.seekable(), s.isatty())
print(s, s.buffer, s.buffer.raw, s is sys.__stdin__, s.line_buffering, s.newlines, s.mode, vars(s.buffer.raw))
try: print(s.tell())
except OSError as error: print(type(error), error)
print(repr(s.readline()), repr(input()), repr(s.read()))`;
    const said = [];
    for (const cell of [cold, forking]) {
      const pieces = ['one\r\nt', 'wo\n', 'three\n', 'four'];
      const out: Uint8Array[] = [];
      const streams = {
        onOutput: (_: string, data: Uint8Array) => void out.push(data),
        onInput: () => Promise.resolve(pieces.length === 0 ? null : Buffer.from(pieces.shift() ?? '')),
      };
      const { start } = await runSource(cell, source, {}, streams);
      said.push([start, Buffer.concat(out).toString()]);
    }
    const [[first, bytes], [second, others]] = said as [[string, string], [string, string]];
    expect([first, second]).toEqual(['cold', 'forked']);
    expect(bytes.split('\n')[0]).toBe('True False False False False');
    expect(bytes).toMatch(/ not seekable\n'one\\r\\n' 'two' 'three\\nfour'\n$/);
    expect(others).toBe(bytes);
  });

  it('gives a child the file that a cold guest has, and whole', async () => {
    const source = `
import hashlib, mmap, os, sys
data = os.read(0, os.fstat(0).st_size)
print(len(data), hashlib.sha256(data).hexdigest(), os.lseek(0, 0, 1))
print(hashlib.sha256(mmap.mmap(0, 0, prot=mmap.PROT_READ)).hexdigest())
sys.stdin.seek(0)
print(len(sys.stdin.read()), len(open("/dev/stdin").read()))`;
    const stdin = Buffer.alloc(5_000_001, 'some bytes of it\n');
    const digest = createHash('sha256').update(stdin).digest('hex');
    const size = stdin.length;
    const said = `${size} ${digest} ${size}\n${digest}\n${size} ${size}\n`;
    expect(await expectTheSame(source, { stdin })).toBe(said);
  });

  it('draws different random numbers and names in each child', async () => {
    const source = `
import random, uuid, tempfile, secrets
print(random.random(), uuid.uuid4(), uuid.uuid1(), tempfile.mktemp(), secrets.token_hex())`;
    const drawn = [];
    for (let i = 0; i < 3; i++) drawn.push(...(await seen(forking, source)).what.stdout.trim().split(' '));
    expect(new Set(drawn).size).toBe(15);
  });

  it.each<[string, SourceRun]>([
    ['a hash seed of its own', { env: { PYTHONHASHSEED: '7' } }],
    ['an option of the interpreter', { env: { PYTHONDONTWRITEBYTECODE: '1' } }],
    ['another time zone', { env: { TZ: 'Asia/Tokyo' } }],
    ["a module of the library's name beside it", { files: { 'json.py': 'VALUE = 1' } }],
    ["a package of the library's name", { files: { 'json/__init__.py': 'VALUE = 1' } }],
    ['a simulated clock', { deterministic: { seed: '0', epochMs: 0, transcriptPath: null } }],
    ['an archive for a program', { files: { 'main.py': ARCHIVE } }],
    ['a folder for a program', { files: { 'app/__main__.py': 'print("began")' }, programPath: 'app' }],
    ['more than an order holds', { files: { 'main.py': `print("began")\n#${'x'.repeat(1 << 20)}` } }],
  ])('does not start a run with %s', async (_, more) => {
    const { start, what } = await seen(forking, 'import json\nprint("began")', more);
    expect([start, what.stdout]).toEqual(['cold', 'began\n']);
  });

  it('reports modules that cannot be imported, and carries on without them', async () => {
    const said: string[] = [];
    const onUnprepared = (why: string) => void said.push(why);
    const profile = ['json', 'no_such_module', 'json.nothing'];
    const cell = await Cell.start({ id: 3, cpu: null, node: null, rpython: null, profile, onUnprepared });
    expect((await seen(cell, 'print(1)')).start).toBe('forked');
    expect(said).toEqual([
      "no_such_module: ModuleNotFoundError: No module named 'no_such_module'; json.nothing: ModuleNotFoundError: No module named 'json.nothing'",
    ]);
    await cell.close();
  });

  it.each([[[]], [['re']]])('forks with any profile: %j', async (profile) => {
    const cell = await Cell.start({ id: 6, cpu: null, node: null, rpython: null, profile });
    const { start, what } = await seen(cell, 'import json; print(json.dumps([1]))');
    expect([start, what.stdout]).toEqual(['forked', '[1]\n']);
    await cell.close();
  });

  it('leaves out a module that ends the interpreter', async () => {
    const said: string[] = [];
    const onUnprepared = (why: string) => void said.push(why);
    const profile = ['json', 'venv.__main__'];
    const cell = await Cell.start({ id: 4, cpu: null, node: null, rpython: null, profile, onUnprepared });
    expect((await seen(cell, 'import sys; print("json" in sys.modules)')).what.stdout).toBe('True\n');
    expect((await seen(cell, 'print(1)')).start).toBe('forked');
    expect(said.join()).toMatch(/venv\.__main__: SystemExit/);
    await cell.close();
  });

  it('kills a parent that does not park, and runs start cold', async () => {
    const others = new Set(childrenOf(process.pid));
    let hear: (why: string) => void = () => {};
    const heard = new Promise<string>((resolve) => (hear = resolve));
    const cell = await Cell.start({
      id: 5,
      cpu: null,
      node: null,
      rpython: null,
      profile: DEFAULT_PROFILE,
      onUnprepared: (why) => hear(why),
    });
    // As a module that never returns: it makes no call any more.
    const keeper = childrenOf(process.pid).find((pid) => !others.has(pid)) ?? 0;
    // It parks within milliseconds, so it is looked for often.
    const parent = await vi.waitUntil(() => childrenOf(keeper)[0], { ...PATIENCE, interval: 1 });
    process.kill(parent, 'SIGSTOP');
    expect(await heard).toMatch(/the parent (has ended|of the fork server did not park)/);
    expect(existsSync(`/proc/${parent}`)).toBe(false);
    expect(await seen(cell, 'print(1)')).toMatchObject({ start: 'cold', what: { stdout: '1\n' } });
    await cell.close();
  });

  it('loses no run when its parent dies', async () => {
    const others = new Set(childrenOf(process.pid));
    const cell = await Cell.start({ id: 2, cpu: null, node: null, rpython: null, profile: DEFAULT_PROFILE });
    expect((await seen(cell, 'print(1)')).start).toBe('forked');
    // The parent, the child that waits for the next run, and both.
    const keepers = childrenOf(process.pid).filter((pid) => !others.has(pid));
    expect(keepers).toHaveLength(1);
    for (const pid of childrenOf(keepers[0] ?? 0).slice(0, 1)) process.kill(pid, 'SIGKILL');
    for (let i = 0; i < 4; i++) expect((await seen(cell, 'print(1)')).what.stdout).toBe('1\n');
    expect((await seen(cell, 'print(1)')).start).toBe('forked');
    await cell.close();
  });

  it("gives a child none of its parent's privileged calls", async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-fork-'));
    const symbols = execFileSync('nm', [SHIM_PATH], { encoding: 'utf8' });
    const address = (name: string) =>
      parseInt(new RegExp(`^([0-9a-f]+) \\w ${name}$`, 'm').exec(symbols)?.[1] ?? '', 16);
    // Called at the gate itself, the one address from which the parent's filter allows them.
    const source = `
import ctypes
here = ctypes.cast(ctypes.CDLL(None).clock_gettime, ctypes.c_void_p).value
gate = ctypes.CFUNCTYPE(ctypes.c_long, *[ctypes.c_long] * 7)(here + ${address('shim_gate') - address('clock_gettime')})
nothing = (ctypes.c_ulong * 2)(0, 0)
text = ctypes.create_string_buffer(64)
print(gate(39, 0, 0, 0, 0, 0, 0))
for call in [(56, 0x8011, 0), (47, 8188, ctypes.addressof(text), 0), (44, 8188, ctypes.addressof(text), 8, 0, 0, 0),
             (292, 1, 77, 0), (3, 8190), (157, 4, 1), (110,), (160, 7, ctypes.addressof(nothing))]:
    print(call[0], gate(*(call + (0,) * 7)[:7]))
`;
    const tracePath = join(folder, 'trace');
    try {
      const result = await runSource(forking, source, { tracePath });
      expect(result.start).toBe('forked');
      const [pid, clone, ...others] = textOf(result, 'stdout').trim().split('\n');
      expect([pid, clone]).toEqual(['2', '56 -11']); // getpid is answered: it is the gate; clone is EAGAIN
      expect(others).toHaveLength(8 - 1);
      // Its own shim answers getppid: the process that started it would be the keeper.
      expect(others).toContain('110 1');
      // The virtual kernel answered all others, so none of them reached the real kernel.
      const trace = readFileSync(tracePath, 'latin1');
      for (const name of ['recvmsg', 'sendto', 'dup3', 'close(8190', 'prctl(4', 'setrlimit(7'])
        expect(trace).toContain(name);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
