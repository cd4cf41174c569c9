import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withDeadline } from '../src/index.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A promise that settles after a time with a value, or with an error. */
const after = (ms: number, value: string | Error): Promise<string> =>
  new Promise((resolve, reject) => {
    setTimeout(() => (value instanceof Error ? reject(value) : resolve(value)), ms);
  });

describe('a deadline', () => {
  it('passes on what comes in time, and leaves no timer', async () => {
    const value = withDeadline(after(10, 'in time'), 20, () => 'late');
    await vi.advanceTimersByTimeAsync(10);
    expect(await value).toBe('in time');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('passes on a rejection in time', async () => {
    const failed = expect(withDeadline(after(10, new Error('broken')), 20, () => 'late')).rejects.toThrow(
      'broken',
    );
    await vi.advanceTimersByTimeAsync(10);
    await failed;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends the wait with a value', async () => {
    const value = withDeadline(after(30, 'too late'), 20, () => 'late');
    await vi.advanceTimersByTimeAsync(20);
    expect(await value).toBe('late');
  });

  it('ends the wait with an error', async () => {
    const late = (): never => {
      throw new Error('not ready in time');
    };
    const failed = expect(withDeadline(after(30, 'too late'), 20, late)).rejects.toThrow('not ready in time');
    await vi.advanceTimersByTimeAsync(20);
    await failed;
  });

  it('ignores a rejection that comes late', async () => {
    const value = withDeadline(after(30, new Error('broken')), 20, () => 'late');
    // An unhandled rejection would fail the test.
    await vi.advanceTimersByTimeAsync(40);
    expect(await value).toBe('late');
  });
});
