import { encodeRlimit, Errno } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { FakeGuest, limits } from './fake-guest.js';

const MIB = 2 ** 20;
const RLIMIT_STACK = 3;
const NO_LIMIT = Number.POSITIVE_INFINITY;

function guestWithStack(stackBytes: number) {
  const applied: number[] = [];
  const setStack = (bytes: number) => void applied.push(bytes);
  const guest = new FakeGuest({ limits: { ...limits, stackBytes }, setStack });
  const told = (): [soft: number, hard: number] => {
    const at = guest.memory.room(16);
    expect(guest.call('getrlimit', RLIMIT_STACK, at)).toBe(0);
    const words = guest.memory.read(at, 16);
    return [0, 8].map((offset) => {
      const value = words.readBigUInt64LE(offset);
      return value === 2n ** 64n - 1n ? NO_LIMIT : Number(value);
    }) as [number, number];
  };
  const set = (soft: number, hard: number) => guest.call('setrlimit', RLIMIT_STACK, encodeRlimit(soft, hard));
  return { guest, applied, told, set };
}

describe('the limit of the stack', () => {
  it('is that of the run, and has no hard limit, as for a login', () => {
    expect(guestWithStack(64 * MIB).told()).toEqual([64 * MIB, NO_LIMIT]);
  });

  it('is remembered above that of the run, and not applied', () => {
    const { applied, told, set } = guestWithStack(64 * MIB);
    expect(set(NO_LIMIT, NO_LIMIT)).toBe(0);
    expect(told()).toEqual([NO_LIMIT, NO_LIMIT]);
    expect(set(65 * MIB, NO_LIMIT)).toBe(0);
    expect(told()).toEqual([65 * MIB, NO_LIMIT]);
    expect(applied).toEqual([]);
  });

  it('is applied below that of the run, and given back', () => {
    const { applied, told, set } = guestWithStack(64 * MIB);
    expect(set(MIB, NO_LIMIT)).toBe(0);
    expect(set(MIB, 128 * MIB)).toBe(0);
    expect(told()).toEqual([MIB, 128 * MIB]);
    expect(set(128 * MIB, 128 * MIB)).toBe(0);
    expect(set(0, 128 * MIB)).toBe(0);
    expect(applied).toEqual([MIB, 64 * MIB, 0]);
  });

  it('keeps the rules of setrlimit(2): at most the hard limit, which only falls', () => {
    const { applied, told, set, guest } = guestWithStack(64 * MIB);
    expect(set(2 * MIB, MIB)).toBe(-Errno.EINVAL);
    expect(set(64 * MIB, 64 * MIB)).toBe(0);
    expect(set(64 * MIB, 65 * MIB)).toBe(-Errno.EPERM);
    expect(set(NO_LIMIT, NO_LIMIT)).toBe(-Errno.EPERM);
    expect(guest.call('setrlimit', RLIMIT_STACK, -1)).toBe(-Errno.EFAULT);
    expect(told()).toEqual([64 * MIB, 64 * MIB]);
    expect(applied).toEqual([]);
  });

  it('is set and told by one call of prlimit', () => {
    const { guest, told } = guestWithStack(64 * MIB);
    const old = guest.memory.room(16);
    expect(guest.call('prlimit64', 0, RLIMIT_STACK, encodeRlimit(MIB, 2 * MIB), old)).toBe(0);
    expect(guest.memory.read(old, 16)).toEqual(encodeRlimit(64 * MIB, NO_LIMIT));
    expect(told()).toEqual([MIB, 2 * MIB]);
  });
});
