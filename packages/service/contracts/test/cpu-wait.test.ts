import { describe, expect, it } from 'vitest';
import { cpuWaitLine, cpuWaitOf } from '../src/cpu-wait.js';
import { runRequestSchema } from '../src/run-request.js';

const limits = { cpuMs: 1000 };
const usage = { cpuMs: 200, controllerCpuMs: 0, wallMs: 2001, syscalls: 100, waitMs: 1800 };
const run = { status: 'wall-limit', usage, limits };

describe('a run that met its wall limit', () => {
  it('is unreliable where it waited for a CPU', () => {
    expect(cpuWaitOf(run)).toBe(1798);
    expect(cpuWaitLine(run)).toBe('it waited 1.8 s of 2 s for a CPU');
    const short = { ...usage, cpuMs: 10, wallMs: 100.4, waitMs: 92 };
    expect(cpuWaitLine({ ...run, usage: short })).toBe('it waited 90 ms of 100 ms for a CPU');
  });

  it.each([
    ['waited for its controller', { syscalls: 90_000 }],
    ['slept most of the time', { waitMs: 700 }],
    ['had the CPU nearly all of the time', { cpuMs: 900, waitMs: 190 }],
    ['is on a host that does not tell', { waitMs: undefined }],
    ['met its CPU limit as well', { cpuMs: 1000, waitMs: 900 }],
  ])('is not where it %s', (_what, more) => {
    expect(cpuWaitLine({ ...run, usage: { ...usage, ...more } })).toBeNull();
  });

  it('waits for its controller where that has no CPU', () => {
    const served = { ...usage, cpuMs: 480, controllerCpuMs: 500, waitMs: 50, controllerWaitMs: 900 };
    expect(cpuWaitLine({ ...run, usage: served })).toBe('it waited 946 ms of 2 s for a CPU');
    expect(cpuWaitOf({ ...run, usage: { ...served, controllerWaitMs: undefined } })).toBeNull();
  });

  it('waits by a cap on its CPU too, which is not counted twice', () => {
    const capped = { ...usage, cpuMs: 900, waitMs: 1000, throttledMs: 1050 };
    expect(cpuWaitOf({ ...run, usage: capped })).toBe(1050);
    expect(cpuWaitOf({ ...run, usage: { ...capped, throttledMs: 60_000 } })).toBe(1101);
  });

  it('is unreliable for no other end', () => {
    for (const status of ['ok', 'time-limit', 'runtime-error'])
      expect(cpuWaitOf({ ...run, status })).toBeNull();
  });
});

describe('retryUnreliable', () => {
  const parsed = (more: object) => runRequestSchema.safeParse({ source: '', ...more }).success;

  it('is from 0 to 5, and not for a live run', () => {
    expect([0, 1, 5, -1, 6, 0.5, '1'].map((n) => parsed({ retryUnreliable: n }))).toEqual([
      ...[true, true, true],
      ...[false, false, false, false],
    ]);
    expect(parsed({ retryUnreliable: 1, live: true })).toBe(false);
    expect(parsed({ retryUnreliable: 0, live: true })).toBe(true);
  });
});
