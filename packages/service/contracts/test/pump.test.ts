import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Pump, type PumpOptions } from '../src/index.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const PASS_MS = 10;

/** A pump whose passes take some time; `done` counts those that have ended. */
function slowPump(options: Partial<PumpOptions> = {}) {
  const seen = { begun: 0, done: 0, failures: [] as unknown[] };
  const pump = new Pump({
    async pass() {
      seen.begun += 1;
      await new Promise((resolve) => setTimeout(resolve, PASS_MS));
      seen.done += 1;
    },
    onFailure: (error) => seen.failures.push(error),
    ...options,
  });
  return { pump, seen };
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

describe('a pump', () => {
  it('merges wakes of one turn into one pass', async () => {
    const { pump, seen } = slowPump();
    for (let i = 0; i < 100; i++) pump.wake();
    await pass(10 * PASS_MS);
    expect(seen.done).toBe(1);
  });

  it('makes one more pass after wakes during a pass', async () => {
    const { pump, seen } = slowPump();
    pump.wake();
    await pass(PASS_MS / 2);
    expect(seen).toMatchObject({ begun: 1, done: 0 });
    for (let i = 0; i < 100; i++) pump.wake();
    await pass(10 * PASS_MS);
    expect(seen.done).toBe(2);
  });

  it('rests after a failure until the next wake', async () => {
    let tries = 0;
    const { pump, seen } = slowPump({
      async pass() {
        tries += 1;
        pump.wake();
        await Promise.reject(new Error('Redis is away'));
      },
    });
    pump.wake();
    await pass(100 * PASS_MS);
    expect(tries).toBe(1);
    expect(seen.failures).toEqual([new Error('Redis is away')]);
    pump.wake();
    await pass(100 * PASS_MS);
    expect(tries).toBe(2);
  });

  it('begins no pass while it may not', async () => {
    let up = false;
    const { pump, seen } = slowPump({ mayRun: () => up });
    pump.wake();
    await pass(10 * PASS_MS);
    expect(seen.begun).toBe(0);
    up = true;
    pump.wake();
    await pass(10 * PASS_MS);
    expect(seen.done).toBe(1);
  });

  it('wakes itself at its interval', async () => {
    const { pump, seen } = slowPump();
    let ticks = 0;
    pump.tickEvery(1_000, () => (ticks += 1));
    await pass(3_500);
    expect(ticks).toBe(3);
    expect(seen.done).toBe(3);
    await pump.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends with its current pass', async () => {
    const { pump, seen } = slowPump();
    pump.wake();
    await pass(PASS_MS / 2);
    pump.wake();
    const closed = pump.close();
    pump.wake();
    await pass(10 * PASS_MS);
    await closed;
    expect(seen).toMatchObject({ begun: 1, done: 1 });
  });
});
