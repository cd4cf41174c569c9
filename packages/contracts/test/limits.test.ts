import { expect, test } from 'vitest';
import { completeLimits, limitsSchema } from '../src/index.js';

// The fuzzer of the API found a run with more elapsed time than any may have, in a result that its own schema refuses.
test.each([1, 10_000, 2_399_333, 2_399_334, 3_600_000])(
  'limits that follow from %d ms of CPU are limits',
  (cpuMs) => {
    expect(limitsSchema.safeParse(completeLimits({ cpuMs })).success).toBe(true);
  },
);
