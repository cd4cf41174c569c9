import { completeLimits, type LimitsRequest, STACK_OVERFLOW_MESSAGE, textOf } from '@sandpiper/contracts';
import { Cell, DEFAULT_PROFILE } from '@sandpiper/controller';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSource } from './local.js';

const MIB = 2 ** 20;

const DEEP = `import sys
sys.setrecursionlimit(10**6)
def f(n): return 0 if n == 0 else 1 + f(n - 1)
`;

/** A recursion without end. The compiler, which could make the levels of a function smaller, does not see it. */
const ENDLESS = `${DEEP}class Box:
    def __repr__(self): return repr(Box())
def overflow(): repr(Box())
`;

/** The usual program of a contest: the nodes of a tree that is a path. */
const PATH = `import sys
sys.setrecursionlimit(10**6)
n = 30000
adjacent = [[] for _ in range(n)]
for i in range(1, n):
    adjacent[i - 1].append(i)
    adjacent[i].append(i - 1)
sizes = [1] * n
def visit(node, parent):
    for child in adjacent[node]:
        if child != parent:
            visit(child, node)
            sizes[node] += sizes[child]
visit(0, -1)
print(sizes[0], sizes[n // 2])`;

const IN_A_FINALIZER = `${ENDLESS}import gc
class Deep:
    def __del__(self): print(f(50000), flush=True); overflow()
d = Deep()
del d
gc.collect()`;

const IN_A_HANDLER = `${ENDLESS}import signal, time
def handler(number, frame): print(f(50000), flush=True); overflow()
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.01)
while True: time.sleep(1)`;

describe.each(['cold', 'forked'] as const)('the stack of a %s guest', (start) => {
  let cell: Cell;

  beforeAll(async () => {
    const profile = start === 'forked' ? DEFAULT_PROFILE : null;
    cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null, profile });
  });
  afterAll(() => cell.close());

  async function run(source: string, limits: LimitsRequest = {}) {
    const given = completeLimits({ wallMs: 60_000, ...limits });
    const result = await runSource(cell, source, { limits: given, accept: { weakerLimits: true } });
    expect(result.start).toBe(start);
    return { ...result, text: textOf(result, 'stdout'), errors: textOf(result, 'stderr') };
  }

  it.each([
    ['of 100000 levels at the default limits', `${DEEP}print(f(100000))`, {}, '100000\n'],
    ['along a path of 30000 nodes', PATH, {}, '30000 15000\n'],
    ['of 1000000 levels in 2 GiB', `${DEEP}print(f(10**6 - 10))`, { memoryBytes: 2 ** 31 }, '999990\n'],
    [
      'after the program took all of its stack',
      `import resource
resource.setrlimit(resource.RLIMIT_STACK, (-1, -1))
print(resource.getrlimit(resource.RLIMIT_STACK))
${DEEP}print(f(100000))`,
      {},
      '(-1, -1)\n100000\n',
    ],
  ])('takes a recursion %s', async (_what, source, limits, expected) => {
    const { status, text, errors } = await run(source, limits);
    expect([status, text, errors]).toEqual(['ok', expected, '']);
  });

  it('counts as memory where it is touched', async () => {
    const source = `${DEEP}print(f(100000))`;
    const { usage } = await run(source);
    // About 380 bytes a level.
    expect(usage.peakMemoryBytes).toBeGreaterThan(30 * MIB);
    const limits = { memoryBytes: 24 * MIB };
    expect(await run(source, limits)).toMatchObject({ status: 'memory-limit', text: '' });
  });

  it.each([
    ['of functions', `${DEEP}print(6, flush=True); f(10**6)`, '6\n'],
    ['of objects', `${ENDLESS}overflow()`, ''],
    ['in __del__', IN_A_FINALIZER, '50000\n'],
    ['in a handler of a signal', IN_A_HANDLER, '50000\n'],
  ])('that overflows is named: a recursion %s', async (_what, source, expected) => {
    const { status, signal, exitCode, message, text } = await run(source, { stackBytes: 32 * MIB });
    expect({ status, signal, exitCode, message, text }).toEqual({
      status: 'runtime-error',
      signal: 'SIGSEGV',
      exitCode: null,
      message: STACK_OVERFLOW_MESSAGE,
      text: expected,
    });
  });

  it('overflows at the limit of the run, whatever the program asks for', async () => {
    const source = `import resource
resource.setrlimit(resource.RLIMIT_STACK, (-1, -1))
${ENDLESS}print(f(10000), flush=True); overflow()`;
    const { message, text } = await run(source, { stackBytes: 8 * MIB });
    expect([message, text]).toEqual([STACK_OVERFLOW_MESSAGE, '10000\n']);
  });

  it('overflows at the limit that the program sets itself', async () => {
    const source = (bytes: number) => `import resource
print(resource.getrlimit(resource.RLIMIT_STACK), flush=True)
resource.setrlimit(resource.RLIMIT_STACK, (4 << 20, 16 << 20))
resource.setrlimit(resource.RLIMIT_STACK, (${bytes}, 16 << 20))
try: resource.setrlimit(resource.RLIMIT_STACK, (4 << 20, 17 << 20))
except ValueError as error: print(error, flush=True)
${DEEP}print(f(20000), flush=True)`;
    const before = `(${256 * MIB}, -1)\nnot allowed to raise maximum limit\n`;
    const low = await run(source(4 * MIB));
    expect([low.message, low.text]).toEqual([STACK_OVERFLOW_MESSAGE, before]);
    const high = await run(source(16 * MIB));
    expect([high.message, high.text]).toEqual([null, `${before}20000\n`]);
  });

  it('is not blamed for other faults', async () => {
    const { message } = await run('import ctypes\nctypes.string_at(8)');
    expect(message).toBe('died of SIGSEGV');
  });

  it('is not reserved for threads, which are refused as such', async () => {
    const source = `import threading
print(threading.stack_size(64 << 20), threading.stack_size(0), threading.stack_size())
try: threading.stack_size(1)
except ValueError as error: print(error)
threading.Thread(target=print).start()`;
    const { status, text, errors, refused, usage } = await run(source);
    expect([status, text]).toEqual(['runtime-error', '0 67108864 0\nsize not valid: 1 bytes\n']);
    expect(errors).toMatch(/can't start new thread/);
    expect([refused, usage.refusedGrowth]).toEqual([['threads'], undefined]);
  });
});

describe('the addresses of a guest', () => {
  it('are random, with room for a stack of any size', async () => {
    const source = 'import ctypes\nprint(ctypes.cast(ctypes.CDLL(None).printf, ctypes.c_void_p).value)';
    const cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null });
    try {
      const runs = [await runSource(cell, source), await runSource(cell, source)];
      const [first, second] = runs.map((result) => textOf(result, 'stdout'));
      expect(Number(first)).toBeGreaterThan(0);
      expect(first).not.toBe(second);
    } finally {
      await cell.close();
    }
  });
});
