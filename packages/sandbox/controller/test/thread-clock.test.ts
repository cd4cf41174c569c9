import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { figuresIn } from '../src/thread/controller-time.js';

it('the CPU time of a thread is read from stat where the kernel keeps no schedstat', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sandpiper-thread-'));
  try {
    // A name may hold anything. Behind it the state, ten more fields, and then utime and stime in ticks of 10 ms.
    writeFileSync(join(folder, 'stat'), '12 (a) S (b) R 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 1 0\n');
    expect(figuresIn(folder)()).toEqual({ cpuNs: 1_750_000_000, waitNs: null });
    writeFileSync(join(folder, 'schedstat'), '42000001 7 3\n');
    expect(figuresIn(folder)()).toEqual({ cpuNs: 42_000_001, waitNs: 7 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
