import type { LimitsRequest, RunResult } from '@sandpiper/contracts';
import { Cell, DEFAULT_PROFILE } from '@sandpiper/controller';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSource } from './local.js';

/** What a program has printed and not flushed at a limit of time. */

const CPU: LimitsRequest = { cpuMs: 300, wallMs: 30_000 };
const WALL: LimitsRequest = { cpuMs: 30_000, wallMs: 300 };

describe.each([
  ['cold', null],
  ['forked', DEFAULT_PROFILE],
])('at a limit of time, %s', (start, profile) => {
  let cell: Cell;

  beforeAll(async () => {
    cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null, profile });
  });

  afterAll(() => cell.close());

  async function ended(source: string, limits: LimitsRequest): Promise<RunResult> {
    const result = await runSource(cell, source, { limits });
    expect(result.start).toBe(start);
    return result;
  }

  it.each([
    ['computes', 'while True: pass', CPU, 'time-limit'],
    ['computes longer than it may take', 'while True: pass', WALL, 'wall-limit'],
    ['sleeps', 'import time; time.sleep(60)', WALL, 'wall-limit'],
    [
      'catches everything',
      'while True:\n  try:\n    while True: pass\n  except BaseException: pass',
      CPU,
      'time-limit',
    ],
  ] as const)('what it printed is there where it %s', async (_what, then, limits, status) => {
    const source = `import sys\nprint("printed")\nsys.stderr.write("said")\n${then}`;
    const result = await ended(source, limits);
    expect(result).toMatchObject({
      status,
      stdout: 'printed\n',
      stderr: 'said',
      exitCode: null,
      signal: null,
    });
  });

  it('the program gets no more output than its limit, and the status is that of the time', async () => {
    const source = 'print("x" * 5000)\nwhile True: pass';
    const result = await ended(source, { ...CPU, outputBytes: 1000 });
    expect(result).toMatchObject({ status: 'time-limit', stdout: 'x'.repeat(1000), stdoutTruncated: true });
  });

  it.each([
    ['a handler that never returns', 'def handler(*_):\n  print("caught", flush=True)\n  while True: pass'],
    ['a handler that returns', 'def handler(*_): print("caught", flush=True)'],
  ])('%s is called once, and does not help', async (_what, handler) => {
    const source = `import signal\n${handler}\nsignal.signal(signal.SIGXCPU, handler)\nwhile True: pass`;
    const result = await ended(source, CPU);
    expect(result).toMatchObject({ status: 'time-limit', stdout: 'caught\n' });
  });

  it.each([
    ['ignores the signal', 'import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass'],
    ['is in a loop of C', 'print("lost")\n(7 ** 10_000_000) ** 10'],
    [
      'has a stream that flushes for ever',
      'import sys\nclass S:\n  def flush(s):\n    while True: pass\nsys.stdout = S()\nwhile True: pass',
    ],
    [
      'recurses in its last moment',
      'import signal\ndef f(*_): f()\nsignal.signal(signal.SIGXCPU, f)\nwhile True: pass',
    ],
    ['is killed in the depth', 'def f(n):\n  try: f(n + 1)\n  finally: f(n + 1)\nf(0)'],
  ])('a program that %s ends in time', async (_what, source) => {
    const result = await ended(source, CPU);
    expect(result.status).toBe('time-limit');
    expect(result.usage.wallMs).toBeLessThan(20_000);
  });

  it('finds no handler of ours, and no module', async () => {
    const source =
      'import signal, sys\nprint(signal.getsignal(signal.SIGXCPU), "sitecustomize" in sys.modules)';
    expect((await ended(source, {})).stdout).toBe('0 False\n'.replace('0', 'Handlers.SIG_DFL'));
  });
});
