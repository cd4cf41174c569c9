import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CaptureOutput, TailedOutput } from '../src/thread/streams/streams.js';

describe('captured output', () => {
  it('is complete, in pieces of any size', () => {
    const output = new CaptureOutput();
    const written: Buffer[] = [];
    for (const size of [0, 1, 4095, 1, 4096, 4097, 100_000, 3, 3_000_000, 1]) {
      const data = Buffer.alloc(size, size % 251);
      output.write(data);
      written.push(Buffer.from(data));
      data.fill(255); // what comes may be a view of a buffer that is used again
    }
    expect(output.bytes().equals(Buffer.concat(written))).toBe(true);
    expect(new CaptureOutput().bytes()).toEqual(Buffer.alloc(0));
  });

  it('costs no more memory when it comes byte by byte', () => {
    const output = new CaptureOutput();
    const before = process.memoryUsage().arrayBuffers;
    const byte = Buffer.from('x');
    for (let i = 0; i < 2_000_000; i++) output.write(byte);
    // A buffer for each byte would be hundreds of MiB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
    expect(output.bytes()).toHaveLength(2_000_000);
  });
});

describe('output that passes through', () => {
  it.each([
    ['nothing', []],
    ['little', [3, 0, 5]],
    ['byte by byte', Array.from({ length: 10_000 }, () => 1)],
    ['much at once', [100_000, 7]],
    ['pieces about as large as what is kept', [4095, 4096, 4097, 1, 4096, 3]],
  ])('is written whole, and its last 4096 bytes are kept: %s', (_case, sizes) => {
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-tail-'));
    const fd = openSync(join(folder, 'out'), 'w');
    try {
      const output = new TailedOutput(fd);
      let count = 0;
      for (const size of sizes) {
        const data = Buffer.from(Array.from({ length: size }, () => count++ % 251));
        expect(output.write(data)).toBe(size);
        data.fill(255);
      }
      const written = readFileSync(join(folder, 'out'));
      expect(written).toHaveLength(count);
      expect(output.tail().equals(written.subarray(-4096))).toBe(true);
    } finally {
      closeSync(fd);
      rmSync(folder, { recursive: true });
    }
  });
});
