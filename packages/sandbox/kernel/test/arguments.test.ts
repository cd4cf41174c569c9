import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { libcSurface, linuxSurface } from '../src/index.js';
import { FakeGuest } from './fake-guest.js';

const table = readFileSync(new URL('../../guest/native/syscalls.tsv', import.meta.url), 'utf8');
const onTheWire = new Map(
  table.split('\n').flatMap((line) => {
    const [, name, kinds] = /^\d+\t(\S+)\t(\S+)/.exec(line) ?? [];
    return name === undefined || kinds === undefined ? [] : [[name, kinds === '-' ? '' : kinds] as const];
  }),
);

describe('the number of arguments of a system call', () => {
  it('matches the shim’s table', () => {
    for (const [name, { arity }] of linuxSurface.rows)
      expect([name, arity]).toEqual([name, onTheWire.get(name)?.length]);
    for (const [key, { arity }] of libcSurface.rows)
      expect([key, arity]).toEqual([key, /\((.*)\)/.exec(key)?.[1]?.length]);
  });

  it.each([
    ['linux', linuxSurface],
    ['libc', libcSurface],
  ] as const)(
    'of %s is enforced, and each must be a 64-bit integer, else the call is a violation',
    (_, surface) => {
      for (const [key, { arity }] of surface.rows) {
        const guest = new FakeGuest({ shouldStop: () => true }, '', surface);
        const given = (args: number[]) => guest.kernel.call(key, args, guest.memory);
        const zeroes = Array.from({ length: arity }, () => 0);
        expect(given([...zeroes, 0]), key).toMatchObject({ kind: 'violation' });
        if (arity === 0) continue;
        expect(given(zeroes.slice(1)), key).toMatchObject({ kind: 'violation' });
        for (let i = 0; i < arity; i++)
          for (const bad of [Number.NaN, Infinity, -Infinity, 0.5, 1e300, -(2 ** 64)])
            expect(given(zeroes.with(i, bad)), `${key} ${i} ${bad}`).toMatchObject({ kind: 'violation' });
      }
    },
  );
});
