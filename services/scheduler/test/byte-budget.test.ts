import { describe, expect, it } from 'vitest';
import { ByteBudget } from '../src/http/byte-budget.js';

const never = new AbortController().signal;
const LONG_MS = 60_000;

describe('bytes in flight', () => {
  it('are bounded per tenant and in total', () => {
    const budget = new ByteBudget({ all: 100, perTenant: 40 });
    expect(budget.tryTake('a', 30)).not.toBeNull();
    expect(budget.tryTake('a', 30)).toBeNull();
    expect(budget.tryTake('b', 40)).not.toBeNull();
    expect(budget.tryTake('c', 31)).toBeNull();
    expect(budget.tryTake('c', 30)).not.toBeNull();
  });

  it('of a sole request may exceed the share; a second request waits', () => {
    const budget = new ByteBudget({ all: 100, perTenant: 40 });
    const large = budget.tryTake('a', 90);
    expect(large).not.toBeNull();
    expect(budget.tryTake('a', 1)).toBeNull();
    large?.release();
    large?.release();
    expect(budget.tryTake('a', 1)).not.toBeNull();
  });

  it('grow within the same bounds', () => {
    const budget = new ByteBudget({ all: 100, perTenant: 40 });
    const [one, other] = [budget.tryTake('a', 10), budget.tryTake('a', 10)];
    expect(one?.grow(20)).toBe(true);
    expect(one?.grow(1)).toBe(false);
    other?.release();
    expect(one?.grow(10)).toBe(true);
    expect(one?.grow(10)).toBe(true);
    expect(one?.grow(60)).toBe(true);
    one?.release();
    expect(budget.tryTake('a', 40)).not.toBeNull();
  });

  it('are granted in order; a tenant that waits for its own share does not hold up others', async () => {
    const budget = new ByteBudget({ all: 100, perTenant: 40 });
    const first = budget.tryTake('a', 40);
    const order: string[] = [];
    const wait = async (tenant: string, bytes: number): Promise<void> => {
      const lease = await budget.take(tenant, bytes, never, LONG_MS);
      order.push(`${tenant} ${lease === null ? 'none' : bytes}`);
    };
    const second = wait('a', 20);
    await wait('b', 40);
    expect(order).toEqual(['b 40']);
    first?.release();
    await second;
    expect(order).toEqual(['b 40', 'a 20']);
  });

  it('are not given to a client that has left', async () => {
    const budget = new ByteBudget({ all: 100, perTenant: 40 });
    const first = budget.tryTake('a', 40);
    const left = new AbortController();
    const waiting = budget.take('a', 40, left.signal, LONG_MS);
    left.abort();
    expect(await waiting).toBeNull();
    first?.release();
    expect(budget.tryTake('a', 40)).not.toBeNull();
  });
});
