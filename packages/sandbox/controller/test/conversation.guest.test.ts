import { completeLimits, type LimitsRequest, type RunResult, textOf } from '@sandpiper/contracts';
import { Cell, DEFAULT_PROFILE } from '@sandpiper/controller';
import { childrenOf } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PATIENCE } from './local.js';

let cell: Cell;
beforeAll(async () => {
  cell = await Cell.start({ id: 1, cpu: null, node: null, rpython: null, profile: DEFAULT_PROFILE });
});
afterAll(() => cell.close());

interface Pair {
  readonly program: string;
  readonly interactor: string;
  readonly limits?: LimitsRequest;
  readonly interactorLimits?: LimitsRequest;
  readonly id?: string;
}

let count = 0;

/** Runs both, with what they say to each other in the result. */
function converse({ program, interactor, limits, interactorLimits, id }: Pair): Promise<RunResult> {
  const request = {
    source: program,
    limits: completeLimits(limits),
    interactor: {
      source: interactor,
      limits: completeLimits(interactorLimits),
      outputs: ['note.txt'],
      conversationBytes: 1000,
    },
  };
  return cell.run({ id: id ?? `talk-${++count}`, attempt: 1, request });
}

const GUESS = `
low, high = 1, 100
while True:
    middle = (low + high) // 2
    print(middle, flush=True)
    answer = input()
    if answer == 'right': break
    if answer == 'more': low = middle + 1
    else: high = middle - 1
`;

const HOST = `
secret, asked = 42, 0
while True:
    guess = int(input())
    asked += 1
    if guess == secret:
        print('right', flush=True)
        break
    print('more' if guess < secret else 'less', flush=True)
open('note.txt', 'w').write(str(asked))
raise SystemExit(42)
`;

describe('a program and its interactor', () => {
  it('talk until both have ended, each with a result of its own', async () => {
    const result = await converse({ program: GUESS, interactor: HOST });
    expect(result).toMatchObject({ status: 'ok', exitCode: 0, stdout: '50\n25\n37\n43\n40\n41\n42\n' });
    expect(result.interactor).toMatchObject({
      status: 'runtime-error',
      exitCode: 42,
      outputs: [{ name: 'note.txt', content: '7' }],
    });
    expect(result.conversation?.slice(0, 3)).toEqual([
      { from: 'program', data: '50\n' },
      { from: 'interactor', data: 'less\n' },
      { from: 'program', data: '25\n' },
    ]);
    expect(result.conversationTruncated).toBe(false);
  });

  it('that both wait for input are ended at once, as a deadlock', async () => {
    const result = await converse({ program: 'print(input())', interactor: 'input()' });
    expect(result).toMatchObject({
      status: 'deadlock',
      message: 'the program and its interactor both waited for input',
      endedFirst: 'neither',
      interactor: { status: 'deadlock' },
    });
  });

  it('are no deadlock while a signal handler of one works', async () => {
    const program = `
import signal, time
def work(*_):
    until = time.process_time() + 0.5
    while time.process_time() < until: pass
    print('late', flush=True)
signal.signal(signal.SIGALRM, work)
signal.setitimer(signal.ITIMER_REAL, 0.2)
import sys
sys.stdin.readline()
`;
    // The interactor asks when the handler works already.
    const interactor = 'import time; time.sleep(0.4); print(input())';
    const result = await converse({ program, interactor });
    expect(result).toMatchObject({ status: 'ok', interactor: { stdout: 'late\n' } });
  });

  it('read the end of file when the other has ended, and say which was first', async () => {
    const early = await converse({
      program: 'print("bye")',
      interactor: 'import sys; print(repr(sys.stdin.read())); raise SystemExit(43)',
    });
    expect(early).toMatchObject({
      status: 'ok',
      endedFirst: 'program',
      interactor: { exitCode: 43, stdout: "'bye\\n'\n" },
    });

    const left = await converse({ program: 'input()', interactor: 'raise SystemExit(43)' });
    expect(left).toMatchObject({ status: 'runtime-error', endedFirst: 'interactor' });
    expect(textOf(left, 'stderr')).toContain('EOFError');
  });

  it('write into a pipe without a reader: EPIPE for the program, nothing for the interactor', async () => {
    const program = `
import sys
sys.stdin.read()
try: print('too late', flush=True)
except BrokenPipeError: sys.stderr.write('broken pipe')
sys.stdout = None
`;
    const left = await converse({ program, interactor: 'raise SystemExit(43)' });
    expect(textOf(left, 'stderr')).toContain('broken pipe');

    const kept = await converse({
      program: 'pass',
      interactor: 'import sys; sys.stdin.read(); print("x" * 100000, flush=True); raise SystemExit(42)',
    });
    expect(kept.interactor).toMatchObject({ exitCode: 42 });
  });

  it('keep to their own limits', async () => {
    const talkative = await converse({
      program: 'while True: print("x" * 1000)',
      interactor: 'import sys\nwhile sys.stdin.read(1000): pass',
      limits: { outputBytes: 100_000 },
    });
    expect(talkative).toMatchObject({ status: 'output-limit', interactor: { status: 'ok' } });
    expect(talkative).toMatchObject({ endedFirst: 'program', conversationTruncated: true });

    const slow = await converse({
      program: 'input()',
      interactor: 'while True: pass',
      interactorLimits: { cpuMs: 200 },
    });
    expect(slow).toMatchObject({ endedFirst: 'interactor', interactor: { status: 'time-limit' } });
  });

  it('tell who kept whom waiting when the time of one is over', async () => {
    const sleeps = 'import time\ntime.sleep(3600)';
    const limits = { wallMs: 500 };
    const slow = await converse({ program: sleeps, interactor: 'input()', limits });
    expect(slow).toMatchObject({ status: 'wall-limit', endedFirst: 'program', endedWaiting: false });
    const kept = await converse({
      program: 'input()',
      interactor: sleeps,
      limits,
      interactorLimits: { wallMs: 2_000 },
    });
    expect(kept).toMatchObject({ status: 'wall-limit', endedFirst: 'program', endedWaiting: true });
  });

  it('end together when their run is cancelled, at any moment', async () => {
    const forever = 'import time\nwhile True: time.sleep(1)';
    const early = converse({ program: forever, interactor: forever, id: 'early' });
    cell.cancel('early');
    expect(await early).toMatchObject({ status: 'cancelled', interactor: { status: 'cancelled' } });

    const late = converse({ program: forever, interactor: forever, id: 'late' });
    await vi.waitUntil(() => guests() >= 4, PATIENCE);
    cell.cancel('another');
    cell.cancel('late');
    expect(await late).toMatchObject({ status: 'cancelled', interactor: { status: 'cancelled' } });
    expect((await converse({ program: GUESS, interactor: HOST })).status).toBe('ok');
  });

  it('a closed output is the end of the input of the other, and a closed input a broken pipe', async () => {
    const silent = await converse({
      program: 'import os, sys\nprint(1, flush=True)\nos.close(1)\nsys.stderr.write(input())',
      interactor: 'import sys\nprint(len(sys.stdin.read()), flush=True)',
    });
    expect(silent).toMatchObject({ stderr: '2', interactor: { status: 'ok' } });

    const deaf = await converse({
      program: 'input()\nwhile True: print("x" * 1000, flush=True)',
      interactor: 'import os, time\nos.close(0)\nprint(1, flush=True)\nwhile True: time.sleep(1)',
      interactorLimits: { wallMs: 3_000 },
    });
    expect(deaf).toMatchObject({ status: 'runtime-error', endedFirst: 'program' });
    expect(textOf(deaf, 'stderr')).toContain('BrokenPipeError');
  });

  it('that need more memory than the cell has are refused with the figures', async () => {
    const limits = { memoryBytes: 64 * 2 ** 30 };
    await expect(converse({ program: 'pass', interactor: 'pass', limits })).rejects.toThrow(
      /a program and its interactor with these limits need 66\d\d\d MiB together/,
    );
  });
});

/** Guests of the keepers of this process, the two parents of their fork servers among them. */
function guests(): number {
  return childrenOf(process.pid).flatMap(childrenOf).length;
}
