import { Cell, DEFAULT_PROFILE } from '@sandpiper/controller';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSource, type SourceRun } from './local.js';

describe.each([
  { start: 'cold', profile: null },
  { start: 'forked', profile: DEFAULT_PROFILE },
])('small calls of a $start guest', ({ start, profile }) => {
  let cell: Cell;
  beforeAll(async () => {
    cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null, profile });
  });
  afterAll(async () => {
    await cell.close();
  });

  const run = async (source: string, more: SourceRun = {}) => {
    const result = await runSource(cell, source, more);
    expect(result.start).toBe(start);
    return result;
  };
  /** How many calls a program makes that does nothing. */
  const callsOfNothing = async () => (await run('pass')).usage.syscalls;

  it('get the ids that never change without asking the controller', async () => {
    const ids = 'getpid getppid getuid geteuid getgid getegid getpgrp'.split(' ');
    const { stdout, usage } = await run(
      `import os\nfor _ in range(1000): found = [getattr(os, name)() for name in ${JSON.stringify(ids)}]\nprint(found)`,
    );
    expect(stdout).toBe('[2, 1, 1000, 1000, 1000, 1000, 2]\n');
    expect(usage.syscalls - (await callsOfNothing())).toBeLessThan(100);
  });

  it('get random bytes of which none come twice, in one run or in two', async () => {
    const source = 'import os\nfor _ in range(1000): print(os.urandom(8).hex())';
    const results = [await run(source), await run(source)];
    const drawn = results.flatMap(({ stdout = '' }) => stdout.trimEnd().split('\n'));
    expect(new Set(drawn).size).toBe(2000);
    // Each opens, looks at, reads and closes a device.
    expect(results[1]?.usage.syscalls).toBeLessThan((await callsOfNothing()) + 200);
    const many = await run(
      'import ctypes\nto = (ctypes.c_char * 8)()\nget = ctypes.CDLL(None).getrandom\ngot = {(get(to, 8, 0), to.raw) for _ in range(1000)}\nprint(len(got), {n for n, _ in got})',
    );
    expect(many.stdout).toBe('1000 {8}\n');
    const none = await run('import ctypes\nto = (ctypes.c_char * 8)()\nget = ctypes.CDLL(None).getrandom');
    expect(many.usage.syscalls - none.usage.syscalls).toBeLessThan(50);
  });

  it('open the device of random bytes again and again, and it is a descriptor as any other', async () => {
    const { stdout } = await run(`import os, stat
def drawn(fd): return len({os.read(fd, 8) for _ in range(50)})
def opened(flags=os.O_RDONLY): return os.open('/dev/urandom', flags)
for _ in range(3): os.urandom(8)
first = opened()
os.close(first)
again = opened()
print(again == first, os.fstat(again) == os.stat('/dev/urandom'), stat.S_ISCHR(os.fstat(again).st_mode), os.isatty(again))
copy = os.dup(again)
print(drawn(again), drawn(copy), len(os.read(again, 5000)), os.read(again, 0), os.lseek(again, 5, 0))
os.close(again)
for _ in range(3): os.urandom(8)
other = opened()
second = opened()
print(other == first, second == copy + 1, drawn(copy))
for fd in other, second, copy: os.close(fd)
for fd in other, second, copy:
    try: os.read(fd, 8)
    except OSError as e: print(e.errno, end=' ')
fd = opened(os.O_WRONLY)
try: os.read(fd, 8)
except OSError as e: print(e.errno)
os.close(fd)
fd = opened()
os.close(fd)
fd = opened()
inherits = os.get_inheritable(fd)
print(inherits, os.readlink(f'/proc/self/fd/{fd}'), sorted(os.listdir('/proc/self/fd'))[:4])
`);
    expect(stdout).toBe(
      "True True True False\n50 50 5000 b'' 0\nTrue True 50\n9 9 9 9\nFalse /dev/urandom ['0', '1', '2', '3']\n",
    );
  });

  it('write lines that are flushed, in their order, also around calls and duplicated descriptors', async () => {
    const { stdout, usage } = await run(`import os
for i in range(20000): print(i, flush=True)
os.write(os.dup(1), b'dup\\n')
print('after', flush=True)
saved = os.dup(1)
fd = os.open('file', os.O_CREAT | os.O_RDWR)
os.dup2(fd, 1)
print('to the file', flush=True)
os.dup2(saved, 1)
print(open('file').read(), end='', flush=True)`);
    const lines = Array.from({ length: 20000 }, (_, i) => `${i}\n`).join('');
    expect(stdout).toBe(`${lines}dup\nafter\nto the file\n`);
    expect(usage.syscalls).toBeGreaterThan(20000);
  });

  it.each([
    ['is killed', 'os.kill(os.getpid(), 9)', 'runtime-error'],
    ['ends at once', 'os._exit(0)', 'ok'],
    ['uses up its time', 'while True: pass', 'time-limit'],
    ['faults', 'import ctypes\nctypes.string_at(1)', 'runtime-error'],
  ])('lose no line when the guest %s', async (_, end, expected) => {
    const { status, stdout, stderr } = await run(
      `import os, sys\nfor i in range(1000):\n  print(i, flush=True)\n  os.write(2, b'e')\n${end}`,
      { limits: { cpuMs: 700 } },
    );
    expect([status, stdout]).toEqual([expected, Array.from({ length: 1000 }, (__, i) => `${i}\n`).join('')]);
    expect(stderr?.startsWith('e'.repeat(1000))).toBe(true);
  });

  it('end a run at its limit of output, to the byte', async () => {
    const { status, stdout, stdoutTruncated } = await run('while True: print("x" * 9, flush=True)', {
      limits: { outputBytes: 100_005 },
    });
    expect([status, stdout?.length, stdoutTruncated]).toEqual(['output-limit', 100_005, true]);
  });

  it('end a run at its limit of calls', async () => {
    const { status } = await run('while True: print("x", flush=True)', { limits: { syscalls: 5000 } });
    expect(status).toBe('syscall-limit');
  });

  it('write and read a file byte by byte, with a position and a time that are true', async () => {
    const { stdout, stderr, usage, outputs } = await run(
      `import os, time
fd = os.open('file', os.O_CREAT | os.O_RDWR)
before = time.time()
for i in range(10000): os.write(fd, bytes([i % 251]))
after = time.time()
stop = time.process_time() + 0.1
while time.process_time() < stop: pass
print(before - 0.1 <= os.stat('file').st_mtime <= after + 0.1, os.fstat(fd).st_size, os.lseek(fd, 0, 1))
os.lseek(fd, 0, 0)
read = b''.join(os.read(fd, 1) for _ in range(5000))
print(read == bytes(i % 251 for i in range(5000)), os.lseek(fd, 0, 1))
other = os.open('file', os.O_WRONLY)
for i in range(5):
    os.pwrite(other, b'new', 5000 + 3 * i)
    print(os.read(fd, 3), end=' ')
print(len(os.read(fd, 100000)), os.read(fd, 1))`,
      { outputs: ['file'] },
    );
    expect(stderr).toBe('');
    expect(stdout).toBe(`True 10000 10000\nTrue 5000\n${"b'new' ".repeat(5)}4985 b''\n`);
    expect(outputs?.[0]?.name).toBe('file');
    expect(usage.bytesWritten).toBeGreaterThan(10000);
  });

  it('see what was written by another descriptor, late or not', async () => {
    const { stdout } = await run(`import os
a = os.open('file', os.O_CREAT | os.O_RDWR)
b = os.open('file', os.O_RDWR)
seen = b''
for i in range(300):
    for c in b'xyz': os.write(a, bytes([c]))
    for _ in range(3): seen += os.read(b, 1)
print(seen == b'xyz' * 300, os.lseek(a, 0, 1), os.lseek(b, 0, 1))`);
    expect(stdout).toBe('True 900 900\n');
  });

  it('look at the files of a folder one by one, and what they say is true around changes', async () => {
    const { status, stdout, stderr, usage } = await run(`import os
os.mkdir('folder')
paths = [os.path.abspath('folder/%03d' % i) for i in range(300)]
for i, path in enumerate(paths):
    with open(path, 'w') as file: file.write('x' * i)
def sizes():
    os.stat('/')
    return [os.stat(path).st_size for path in paths]
expected = list(range(300))
print(sizes() == expected, [os.lstat(path).st_size for path in reversed(paths)] == expected[::-1])
def changed(what, *numbers):
    before = sizes()
    what()
    after = sizes()
    print([i for i in range(300) if before[i] != after[i]] == list(numbers), end=' ')
def write(i, text):
    fd = os.open(paths[i], os.O_WRONLY | os.O_APPEND)
    for c in text: os.write(fd, c)
    sizes()
    for c in text: os.write(fd, c)
    print(sizes()[i] == expected[i] + 2 * len(text), end=' ')
    os.close(fd)
changed(lambda: os.truncate(paths[20], 7), 20)
changed(lambda: os.replace(paths[7], paths[8]) or open(paths[7], 'w').close(), 7, 8)
changed(lambda: write(250, [b'a', b'b', b'c']), 250)
changed(lambda: os.chdir('/tmp'))
print()
modes = []
for i in range(20):
    os.stat(paths[i + 40])
    if i == 12: os.chmod(paths[i + 40], 0o600)
    modes.append(os.stat(paths[i + 40]).st_mode & 0o777)
print(modes == [0o600 if i == 12 else 0o644 for i in range(20)])
sizes()
os.unlink(paths[299])
try: sizes()
except FileNotFoundError as e: print(e.filename == paths[299])
os.rename(os.path.dirname(paths[0]), '/tmp/other')
print(os.path.exists(paths[5]), os.path.exists('/tmp/other/005'))
`);
    expect([status, stderr]).toEqual(['ok', '']);
    expect(stdout).toBe('True True\nTrue True True True True \nTrue\nTrue\nFalse True\n');
    expect(usage.syscalls).toBeGreaterThan(3000);
  });

  it('end a run at its limit of calls, also of looks that were told ahead', async () => {
    const source = `import os
for i in range(200): open('/tmp/%d' % i, 'w').close()
while True:
    for i in range(200): os.stat('/tmp/%d' % i)`;
    const { status, usage } = await run(source, { limits: { syscalls: 20_000 } });
    expect([status, usage.syscalls]).toEqual(['syscall-limit', 20_001]);
  });

  it('read standard input byte by byte', async () => {
    const { stdout } = await run(
      `import os, sys
first = b''
while not first.endswith(b'\\n'): first += os.read(0, 1)
print(first, os.lseek(0, 0, 1), sys.stdin.readline(), end='')`,
      { stdin: 'first line\nsecond line\n' },
    );
    expect(stdout).toBe("b'first line\\n' 11 second line\n");
  });

  it('see a file that is mapped', async () => {
    const { stdout } = await run(`import mmap, os
fd = os.open('file', os.O_CREAT | os.O_RDWR)
for _ in range(100): os.write(fd, b'a')
shared = mmap.mmap(fd, 100)
for _ in range(5): os.write(fd, b'!')
os.lseek(fd, 0, 0)
os.read(fd, 1), os.read(fd, 1)
shared[2:5] = b'new'
print(os.read(fd, 1), os.read(fd, 1), os.read(fd, 1), os.read(fd, 1), os.fstat(fd).st_size)
os.lseek(fd, 10, 0)
for _ in range(5): os.write(fd, b'?')
print(shared[8:16])`);
    expect(stdout).toBe("b'n' b'e' b'w' b'a' 105\nb'aa?????a'\n");
  });

  it('are interrupted by a timer, whose handler runs, also while they wait', async () => {
    const { status, stdout } = await run(`import os, signal
reader, writer = os.pipe()
def ring(*_): raise TimeoutError
signal.signal(signal.SIGALRM, ring)
os.stat('.')
signal.setitimer(signal.ITIMER_REAL, 0.05)
try: os.read(reader, 1)
except TimeoutError: print('waited', flush=True)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    while True: os.stat('.')
except TimeoutError: print('worked', flush=True)`);
    expect([status, stdout]).toEqual(['ok', 'waited\nworked\n']);
  });

  it.each([
    ['is no frame', "b'x' * 10"],
    ['is for a descriptor that is not open', 'struct.pack("<HHq", 50, 1, 0) + b"x"'],
  ])('end as a violation where late output %s', async (_, bytes) => {
    const { status, message } = await run(`import ctypes, os, struct
print('first', flush=True)
bytes = ${bytes}
ctypes.CDLL(None).syscall(1, 8189, bytes, len(bytes))
os._exit(0)`);
    expect([status, message]).toEqual(['violation', expect.stringContaining('late output')]);
  });

  it('run as given, whatever else is written to the pipe of late output', async () => {
    const { status, stdout } = await run(`import ctypes, struct
bytes = struct.pack("<HH", 1, 5) + b"hello"
print(ctypes.CDLL(None).syscall(1, 8189, bytes, len(bytes)) == len(bytes), flush=True)`);
    expect([status, stdout]).toEqual(['ok', 'True\nhello']);
  });

  it('do not wait for a pipe of late output that is full', async () => {
    const { status } = await run(`import ctypes
libc = ctypes.CDLL(None)
while libc.syscall(1, 8189, b'x' * 4096, 4096) > 0: pass`);
    expect(status).toBe('violation');
  });
});
