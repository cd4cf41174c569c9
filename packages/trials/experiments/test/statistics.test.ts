import { describe, expect, it } from 'vitest';
import { coefficientOfVariation, median, percentile } from '../src/statistics.js';

describe('statistics', () => {
  it('finds the median, between two values where needed', () => {
    expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([7])]).toEqual([2, 2.5, 7]);
    expect(median([])).toBeNaN();
  });

  it('interpolates percentiles', () => {
    const values = [10, 20, 30, 40, 50];
    expect([0, 25, 90, 100].map((p) => percentile(values, p))).toEqual([10, 20, 46, 50]);
  });

  it('measures the spread relative to the mean', () => {
    expect(coefficientOfVariation([5, 5, 5])).toBe(0);
    expect(coefficientOfVariation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(0.4276, 4);
  });
});
