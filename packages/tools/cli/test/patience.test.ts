import type { GradingService } from '@sandpiper/grading';
import { describe, expect, it } from 'vitest';
import { patient } from '../src/patience.js';

const { signal } = new AbortController();

/** A service of which only submitting works, as given. */
const submitting = (submitBatch: GradingService['submitBatch']): GradingService => ({
  submitBatch,
  followBatch: () => {
    throw new Error('not asked here');
  },
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

  it('is followed again after 429, from where it was', async () => {
    const ended = (position: number) => ({
      position,
      index: position - 1,
      run: { id: `b0/${position}`, state: 'done' as const, result: null },
    });
    const asked: (number | undefined)[] = [];
    const service: GradingService = {
      ...submitting(() => Promise.resolve('b0')),
      async *followBatch(_, { from = 0 }) {
        asked.push(from);
        if (asked.length === 2) throw refusal(429);
        yield ended(from + 1);
        if (asked.length === 1) throw refusal(429);
      },
    };
    const seen: number[] = [];
    for await (const { position } of patient(service, signal).followBatch('b0', { signal }))
      seen.push(position);
    expect(seen).toEqual([1, 2]);
    expect(asked).toEqual([0, 1, 1]);
  });

  it('is not retried after 503', async () => {
    const service = submitting(() => Promise.reject(refusal(503)));
    await expect(patient(service, signal).submitBatch({ runs: [{ source: '' }] })).rejects.toThrow('refused');
  });
});
