import { completeLimits, controllerCpuFor, DEFAULT_LIMITS, limitsSchema } from '@sandpiper/contracts';
import { describe, expect, it } from 'vitest';

describe('limits that a request does not name', () => {
  it('are the defaults, which the schema accepts', () => {
    expect(completeLimits(undefined)).toEqual(DEFAULT_LIMITS);
    expect(limitsSchema.parse(DEFAULT_LIMITS)).toEqual(DEFAULT_LIMITS);
  });

  it('follow the CPU time', () => {
    expect(completeLimits({ cpuMs: 20_000 })).toMatchObject({ wallMs: 62_000, controllerCpuMs: 41_000 });
    expect(completeLimits({ cpuMs: 100 })).toMatchObject({ wallMs: 30_000, controllerCpuMs: 1_200 });
    expect(completeLimits({ cpuMs: 100, wallMs: 500, controllerCpuMs: 50 })).toMatchObject({
      wallMs: 500,
      controllerCpuMs: 50,
    });
  });

  it('are within the schema for the largest CPU time', () => {
    const cpuMs = limitsSchema.shape.cpuMs.maxValue ?? 0;
    expect(limitsSchema.shape.controllerCpuMs.maxValue).toBe(controllerCpuFor(cpuMs));
  });

  it('have a stack as large as the memory, unless one is given', () => {
    expect(completeLimits({ memoryBytes: 2 ** 31 }).stackBytes).toBe(2 ** 31);
    expect(completeLimits({ memoryBytes: 2 ** 31, stackBytes: 2 ** 20 }).stackBytes).toBe(2 ** 20);
    expect(completeLimits({ stackBytes: 2 ** 20 }).memoryBytes).toBe(DEFAULT_LIMITS.memoryBytes);
    const { stackBytes: _none, ...earlier } = completeLimits({ memoryBytes: 2 ** 25, cpuMs: 7, wallMs: 9 });
    expect(completeLimits(earlier)).toEqual({ ...earlier, stackBytes: 2 ** 25 });
  });

  // The fuzzer of the API found a run with more elapsed time than any may have, in a result that its own
  // schema refuses.
  it.each([1, 10_000, 2_399_333, 2_399_334, 3_600_000])('are limits for %d ms of CPU', (cpuMs) => {
    expect(limitsSchema.safeParse(completeLimits({ cpuMs })).success).toBe(true);
  });
});
