import { describe, expect, it } from 'vitest';
import { CaptureOutput } from '../src/thread/streams/streams.js';

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
