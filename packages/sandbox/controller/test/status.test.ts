import { STACK_OVERFLOW_MESSAGE } from '@sandpiper/contracts';
import type { GuestEnd } from '@sandpiper/guest';
import { describe, expect, it } from 'vitest';
import { HostShortOfMemoryError, isOwnFault } from '../src/crossing/host-memory.js';
import { type HostPressure, unreliability } from '../src/thread/pressure.js';
import { decideEnding, type Decisions } from '../src/crossing/status.js';

const NOTHING: Decisions = {
  cancelled: false,
  violation: null,
  fault: null,
  limit: null,
  refusedGrowth: 0,
  stackOverflow: false,
  ownSignal: null,
  exitCode: null,
  diskFull: false,
  programBegan: true,
};

const EXIT_0: GuestEnd = {
  reason: 'exit',
  memoryHeldBy: 'keeper-watch',
  exitCode: 0,
  signal: null,
  startupCpuNs: 0,
  cpuNs: 0,
  wallNs: 0,
  baselineBytes: 0,
  peakBytes: 0,
  waitedNs: 0,
  throttledNs: null,
  hadMoment: false,
};

const killed = (reason: GuestEnd['reason'], signal = 9): Partial<GuestEnd> => ({
  reason,
  exitCode: null,
  signal,
});

/** The table of ARCHITECTURE.md, "Statuses": what holds, and what comes of it. */
const CASES: readonly (readonly [
  what: string,
  decisions: Partial<Decisions>,
  end: Partial<GuestEnd>,
  status: string,
])[] = [
  ['exits 0', {}, {}, 'ok'],
  ['exits 3', {}, { exitCode: 3 }, 'runtime-error'],
  ['exits 0 after a write was refused', { diskFull: true }, {}, 'ok'],
  ['exits 1 after a write was refused', { diskFull: true }, { exitCode: 1 }, 'disk-limit'],
  ['dies of a signal of its own', { ownSignal: 15 }, killed('killed'), 'runtime-error'],
  ['dies of a fault', {}, killed('exit', 11), 'runtime-error'],
  ['is killed from outside', {}, killed('exit'), 'internal-error'],
  ['ends before its program began', { programBegan: false }, { exitCode: 1 }, 'internal-error'],
  ['does not begin in time', { programBegan: false }, killed('startup'), 'internal-error'],
  ['crosses the CPU limit', {}, killed('cpu'), 'time-limit'],
  ['dies of the CPU rlimit behind it', {}, killed('exit', 24), 'time-limit'],
  ['crosses the CPU limit and then exits 0', { exitCode: 0 }, { reason: 'cpu' }, 'time-limit'],
  ['crosses the wall limit', {}, killed('wall'), 'wall-limit'],
  ['crosses the memory limit', {}, killed('memory'), 'memory-limit'],
  ['is refused memory and goes on', { refusedGrowth: 2 ** 40 }, {}, 'ok'],
  ['is refused memory and exits 1', { refusedGrowth: 2 ** 40 }, { exitCode: 1 }, 'memory-limit'],
  ['is refused memory and aborts', { refusedGrowth: 2 ** 40 }, killed('exit', 6), 'memory-limit'],
  ['is refused memory and crosses the CPU limit', { refusedGrowth: 2 ** 40 }, killed('cpu'), 'time-limit'],
  ['overflows its stack', { stackOverflow: true }, killed('exit', 11), 'runtime-error'],
  [
    'overflows its stack after a refusal that it survived',
    { stackOverflow: true, refusedGrowth: 2 ** 40 },
    killed('exit', 11),
    'runtime-error',
  ],
  ['says that its stack overflows and exits 0', { stackOverflow: true }, {}, 'ok'],
  ['says that its stack overflows and is killed', { stackOverflow: true }, killed('memory'), 'memory-limit'],
  ['writes too much and crosses the wall limit', { limit: 'outputBytes' }, killed('wall'), 'output-limit'],
  ['makes too many calls and exits 0', { limit: 'syscalls', exitCode: 0 }, {}, 'syscall-limit'],
  ['breaks the protocol and crosses the CPU limit', { violation: 'bytes' }, killed('cpu'), 'violation'],
  ['meets a fault of the sandbox', { fault: 'it failed' }, killed('killed'), 'internal-error'],
  ['meets a fault and crosses a limit', { fault: 'it failed' }, killed('cpu'), 'internal-error'],
  ['breaks the protocol and meets a fault', { violation: 'bytes', fault: 'it failed' }, {}, 'violation'],
  ['makes a call of another architecture', {}, killed('exit', 31), 'violation'],
  ['is cancelled while it ends', { cancelled: true }, {}, 'cancelled'],
  ['is cancelled and crosses a limit', { cancelled: true, limit: 'outputBytes' }, killed('cpu'), 'cancelled'],
  ['is cancelled and breaks the protocol', { cancelled: true, violation: 'bytes' }, {}, 'cancelled'],
];

describe('a run whose guest', () => {
  it.each(CASES)('%s', (_, decisions, end, status) => {
    const ending = decideEnding({ ...NOTHING, ...decisions }, { ...EXIT_0, ...end });
    expect(ending.status).toBe(status);
    expect(ending.message === null).toBe(status === 'ok');
  });
});

describe('an overflow of the stack', () => {
  const messageOf = (decisions: Partial<Decisions>, end: Partial<GuestEnd>) =>
    decideEnding({ ...NOTHING, stackOverflow: true, ...decisions }, { ...EXIT_0, ...end });

  it('is named where a fault ended the guest, and is no reason otherwise', () => {
    expect(messageOf({}, killed('exit', 11))).toEqual({
      status: 'runtime-error',
      exitCode: null,
      signal: 'SIGSEGV',
      message: STACK_OVERFLOW_MESSAGE,
    });
    expect(messageOf({}, killed('exit', 6)).message).toBe('died of SIGABRT');
    expect(messageOf({}, { exitCode: 1 }).message).toBe('exit code 1');
    expect(messageOf({ diskFull: true }, { exitCode: 1 }).status).toBe('disk-limit');
  });
});

describe('a guest that the kernel has ended for want of memory', () => {
  const decide = (
    decisions: Partial<Decisions>,
    end: Partial<GuestEnd>,
    ownFault: boolean,
    nodeWasShort = true,
  ) => decideEnding({ ...NOTHING, ...decisions }, { ...EXIT_0, ...end }, { ownFault, nodeWasShort });

  it.each(['exit', 'killed', 'oom'] as const)('is at its limit, or blameless: %s', (reason) => {
    expect(decide({}, killed(reason), true).status).toBe('memory-limit');
    expect(() => decide({}, killed(reason), false)).toThrow(HostShortOfMemoryError);
    expect(() => decide({ programBegan: false }, killed(reason), true)).toThrow(HostShortOfMemoryError);
  });

  it('is known by its control group where the node knows of nothing', () => {
    expect(() => decide({}, killed('oom'), false, false)).toThrow(HostShortOfMemoryError);
    expect(decide({}, killed('exit'), false, false).status).toBe('internal-error');
  });

  it('is none that had ended before, or was ended by this node', () => {
    expect(decide({ exitCode: 0 }, killed('killed'), false).status).toBe('ok');
    expect(decide({ ownSignal: 9 }, killed('killed'), false).status).toBe('runtime-error');
    expect(decide({ cancelled: true }, killed('killed'), false).status).toBe('cancelled');
    expect(decide({}, killed('wall'), false).status).toBe('wall-limit');
  });

  it('has used up what it may have: its limit, or its part of the node where that is less', () => {
    const end = { ...EXIT_0, peakBytes: 95 };
    expect([isOwnFault(end, 100, 1000), isOwnFault(end, 1000, 100), isOwnFault(end, 1000, 1000)]).toEqual([
      ...[true, true, false],
    ]);
  });
});

describe('times', () => {
  const quiet: HostPressure = { memoryUs: 0, throttledUs: 0, oomKills: 0 };
  const run = { cpuMs: 1000, wallMs: 1100, syscalls: 100, waitMs: 10 };

  it('are trusted where the CPU was the run’s own', () => {
    expect(unreliability(run, quiet, quiet)).toBeNull();
    expect(unreliability({ ...run, waitMs: null }, quiet, quiet)).toBeNull();
  });

  it('are trusted where it waited for its own controller only', () => {
    expect(unreliability({ ...run, syscalls: 100_000, waitMs: 900 }, quiet, quiet)).toBeNull();
  });

  it.each([
    [{ ...run, waitMs: 300 }, quiet, /^other processes held the CPU for 298 ms/],
    [run, { ...quiet, throttledUs: 5000 }, /^the node was throttled for 5 ms/],
    [run, { ...quiet, memoryUs: 400_000 }, /^the host was short of memory for 400 ms/],
  ])('are not where %j', (measured, after, message) => {
    expect(unreliability(measured, quiet, after)).toMatch(message);
  });

  it('are judged by what the kernel tells', () => {
    const silent: HostPressure = { memoryUs: null, throttledUs: null, oomKills: null };
    expect(unreliability(run, silent, silent)).toBeNull();
  });
});
