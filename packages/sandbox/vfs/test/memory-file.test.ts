import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_FILE_BYTES, MemoryFile, Quota } from '../src/index.js';

const newFile = (quota: Quota) => new MemoryFile(1, 0o644, 0n, quota);

describe('a memory file', () => {
  it('reads back what any sequence of writes and truncations leaves', () => {
    const step = fc.oneof(
      fc.record({ at: fc.nat(20_000), data: fc.uint8Array({ maxLength: 9_000 }) }),
      fc.record({ size: fc.nat(25_000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const file = newFile(new Quota(1e9, 10));
        let model = Buffer.alloc(0);
        for (const one of steps) {
          if ('size' in one) {
            file.truncate(one.size);
            model = Buffer.concat([
              model.subarray(0, one.size),
              Buffer.alloc(Math.max(0, one.size - model.length)),
            ]);
          } else {
            expect(file.write(one.at, one.data)).toBe(one.data.length);
            if (one.data.length === 0) continue;
            const end = Math.max(model.length, one.at + one.data.length);
            const next = Buffer.alloc(end);
            model.copy(next);
            next.set(one.data, one.at);
            model = next;
          }
        }
        // An empty write moves the end in neither; compared only where the model holds something.
        expect(file.read(0, 1e6).subarray(0, model.length).equals(model)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('charges only the blocks that were written', () => {
    const quota = new Quota(8192, 10);
    const file = newFile(quota);
    file.write(2 ** 40, Buffer.from('x'));
    expect(file.size).toBe(2 ** 40 + 1);
    expect(quota.usedBytes).toBe(4096);
    expect(file.read(2 ** 39, 4)).toEqual(Buffer.alloc(4));
  });

  it('takes what fits the quota, then refuses, and gives the space back', () => {
    const quota = new Quota(8192, 10);
    const file = newFile(quota);
    expect(file.write(0, Buffer.alloc(10_000, 1))).toBe(8192);
    expect(quota.exceeded).toBe(true);
    expect(() => file.write(8192, Buffer.from('x'))).toThrow('ENOSPC');
    file.truncate(1);
    expect(quota.usedBytes).toBe(4096);
    file.truncate(0);
    expect(quota.usedBytes).toBe(0);
  });

  it('reads zeroes, not old bytes, after it shrank and grew', () => {
    const file = newFile(new Quota(8192, 10));
    file.write(0, Buffer.from('secret'));
    file.truncate(2);
    file.truncate(6);
    expect(file.read(0, 9).toString('latin1')).toBe('se\0\0\0\0');
  });

  it('refuses to grow beyond the largest file size', () => {
    const file = newFile(new Quota(8192, 10));
    expect(() => file.write(MAX_FILE_BYTES, Buffer.from('x'))).toThrow('EFBIG');
    expect(() => file.truncate(MAX_FILE_BYTES + 1)).toThrow('EFBIG');
  });
});
