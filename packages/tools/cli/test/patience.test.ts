import type { GradingService } from '@sandpiper/grading';
import { describe, expect, it } from 'vitest';
import { patient } from '../src/patience.js';

const { signal } = new AbortController();

/** A service of which only submitting works, as given. */
const submitting = (submitBatch: GradingService['submitBatch']): GradingService => ({
  submitBatch,
  getBatch: () => Promise.reject(new Error('not asked here')),
  getRun: () => Promise.reject(new Error('not asked here')),
  cancelBatch: () => Promise.resolve(),
});

describe('an overloaded server', () => {
  const refusal = (status: number) =>
    Object.assign(new Error('refused'), { status, retryAfterSeconds: 0.05 });

  it('is retried after 429, after the delay that it asks for', async () => {
    let refusals = 2;
    const service = submitting(async () => {
      if (refusals-- > 0) throw refusal(429);
      return 'b0';
    });
    expect(await patient(service, signal).submitBatch({ runs: [{ source: '' }] })).toBe('b0');
  });

  it('is not retried after 503', async () => {
    const service = submitting(() => Promise.reject(refusal(503)));
    await expect(patient(service, signal).submitBatch({ runs: [{ source: '' }] })).rejects.toThrow('refused');
  });
});
