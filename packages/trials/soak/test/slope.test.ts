import { describe, expect, it } from 'vitest';
import { judge, type Metric } from '../src/judge.js';
import { type Point, slopeOf } from '../src/slope.js';

const MIB = 1024 * 1024;
const HEAP: Metric = { name: 'heap', unit: 'bytes', slack: 3 * MIB };
const COUNT: Metric = { name: 'descriptors', unit: 'count', slack: 4 };

/** Always the same noise, between -1 and 1 (a linear congruential generator). */
function noise(): () => number {
  let state = 7;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 30 - 1;
  };
}

/** A sample every 5 seconds. */
function series(seconds: number, value: (at: number) => number): Point[] {
  return Array.from({ length: seconds / 5 }, (_, i) => ({ at: i * 5, value: value(i * 5) }));
}

describe('the slope of a series', () => {
  it('is that of a line', () => {
    expect(slopeOf(series(60, (at) => 3 + 2 * at))).toEqual({ perSecond: 2, least: 2 });
  });

  it('is not moved by a few odd values', () => {
    const points = series(300, (at) => (at % 100 === 50 ? 1e9 : 5));
    expect(slopeOf(points)?.perSecond).toBe(0);
  });

  it('is not known of two points', () => {
    expect(slopeOf(series(10, (at) => at))).toBeNull();
  });
});

describe('a soak of thirty minutes', () => {
  it('finds 2 % in ten minutes below 3 % of noise', () => {
    const random = noise();
    const points = series(1800, (at) => 60 * MIB * (1 + (0.02 * at) / 600 + 0.03 * random()));
    expect(judge('heap', HEAP, points, 1800).grows).toBe(true);
  });

  it('takes neither noise nor what only the warm-up gained for growth', () => {
    const random = noise();
    const points = series(1800, (at) => 60 * MIB * (1 + 0.03 * random() + Math.min(at, 300) / 1000));
    expect(judge('heap', HEAP, points, 1800).grows).toBe(false);
  });

  it('finds five more descriptors, and lets one pass', () => {
    const more = (count: number) => series(1800, (at) => 40 + Math.floor((count * at) / 1800));
    expect(judge('descriptors', COUNT, more(6), 1800).grows).toBe(true);
    expect(
      judge(
        'descriptors',
        COUNT,
        series(1800, (at) => (at < 1000 ? 40 : 41)),
        1800,
      ).grows,
    ).toBe(false);
  });
});

describe('a soak of two minutes', () => {
  it('finds a leak of a quarter of a megabyte a second, below 5 % of noise', () => {
    const random = noise();
    const points = series(120, (at) => 60 * MIB * (1 + 0.05 * random()) + at * 256 * 1024);
    expect(judge('heap', HEAP, points, 120).grows).toBe(true);
  });

  it('has a slack for what is not warm yet', () => {
    const points = series(120, (at) => 60 * MIB + 2 * MIB * (1 - Math.exp(-at / 60)));
    expect(judge('heap', HEAP, points, 120).grows).toBe(false);
  });
});
