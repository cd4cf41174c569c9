import { describe, expect, it } from 'vitest';
import { backOff } from '../src/index.js';

const whole = (): number => 1;
const policy = { firstMs: 100, maxMs: 1_000 };
const delays = (random: () => number, more = {}): number[] =>
  [1, 2, 3, 4, 5, 6].map((retry) => backOff(retry, { ...policy, ...more }, random));

describe('back-off', () => {
  it('doubles the delay up to its maximum', () => {
    expect(delays(whole)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('takes another factor', () => {
    expect(delays(whole, { factor: 3 })).toEqual([100, 300, 900, 1_000, 1_000, 1_000]);
  });

  it('takes off up to a half as jitter', () => {
    expect(delays(() => 0)).toEqual([50, 100, 200, 400, 500, 500]);
    for (let tries = 0; tries < 100; tries++) {
      const delay = backOff(3, policy);
      expect(delay).toBeGreaterThanOrEqual(200);
      expect(delay).toBeLessThanOrEqual(400);
    }
  });

  it('stays at its maximum after any number of retries', () => {
    expect(backOff(1_000_000, policy, whole)).toBe(1_000);
  });
});
