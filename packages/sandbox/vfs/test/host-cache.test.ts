import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostCache, PIECE_BYTES, PieceCache, shareHostCache } from '../src/host-cache.js';
import { type AddedText, type HostDirectory, type HostFile, hostMount } from '../src/host.js';

const MIB = 1024 * 1024;

describe('the cache of host files', () => {
  it('bounds its pieces with their costs and evicts the oldest first', () => {
    const cache = new PieceCache(MIB);
    for (let i = 0; i < 10_000; i++) {
      cache.add(`a${i}`, Buffer.alloc(1));
      expect(cache.held).toBeLessThanOrEqual(MIB);
    }
    expect([cache.get('a9999')?.length, cache.get('a0')]).toEqual([1, undefined]);
    cache.add('large', Buffer.alloc(MIB / 2));
    expect([cache.get('large'), cache.get('a9999')?.length]).toEqual([undefined, 1]);
    cache.resize(1000);
    expect(cache.held).toBeLessThanOrEqual(1000);
  });
});

describe('a host file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sandpiper-host-'));
  const data = Buffer.from(
    Array.from({ length: 3 * PIECE_BYTES + 1000 }, (_, i) => (i * 31 + (i >> 9)) % 251),
  );
  let file: HostFile;

  beforeAll(() => {
    writeFileSync(join(folder, 'large'), data);
    file = hostMount(join(folder, 'large')) as HostFile;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ['behind', { after: 'added' }],
    ['before', { before: 'at first' }],
    ['around', { before: 'at first', after: 'added' }],
  ])('of a view has its text %s that of the host, wherever a read begins or ends', (_where, added) => {
    const folderInode = hostMount(folder, { added: { large: added } }) as HostDirectory;
    const longer = folderInode.lookup('large') as HostFile;
    const { before = '', after = '' } = added as AddedText;
    const whole = Buffer.concat([Buffer.from(before), data, Buffer.from(after)]);
    expect(longer.size).toBe(whole.length);
    const end = before.length + data.length;
    for (const at of [
      0,
      3,
      before.length,
      before.length + 1,
      100,
      end - 3,
      end,
      end + 1,
      whole.length,
      whole.length + 9,
    ])
      for (const length of [0, 1, 5, 100, PIECE_BYTES, whole.length])
        expect(longer.read(at, length).equals(whole.subarray(at, at + length)), `${at} ${length}`).toBe(true);
    expect(file.size).toBe(data.length);
  });

  it('that the host has not is there where the view creates it, and nowhere else', () => {
    const added = { 'made.py': { after: 'made', creates: true }, 'missing.py': { after: 'lost' } };
    const folderInode = hostMount(folder, { added }) as HostDirectory;
    expect(folderInode.names()).toEqual(['large', 'made.py']);
    expect((folderInode.lookup('made.py') as HostFile).read(0, 100).toString()).toBe('made');
    expect(folderInode.lookup('missing.py')).toBeNull();
  });

  it('is not there where the view hides it', () => {
    const folderInode = hostMount(folder, { hidden: ['large'] }) as HostDirectory;
    expect([folderInode.names(), folderInode.lookup('large')]).toEqual([[], null]);
    expect((hostMount(folder) as HostDirectory).names()).toEqual(['large']);
  });

  it('is read in pieces: reading one byte costs one piece at most', () => {
    const before = hostCache.held;
    expect(file.read(2 * PIECE_BYTES + 7, 1)).toEqual(
      data.subarray(2 * PIECE_BYTES + 7, 2 * PIECE_BYTES + 8),
    );
    expect(hostCache.held - before).toBeLessThan(1.1 * PIECE_BYTES);
  });

  it.each([
    [0, 10],
    [0, data.length],
    [PIECE_BYTES - 5, 10],
    [100, 2 * PIECE_BYTES],
    [data.length - 5, 100],
    [data.length, 1],
    [data.length + 5, 1],
    [5, 0],
  ])('yields its bytes at offset %d, length %d', (offset, length) => {
    for (const threads of [1, 1024]) {
      shareHostCache(threads);
      expect(file.read(offset, length).equals(data.subarray(offset, offset + length))).toBe(true);
    }
  });

  it('is cached within one budget for the process, however many threads share it', () => {
    shareHostCache(1);
    file.read(0, data.length);
    shareHostCache(1024);
    expect(hostCache.held).toBeLessThanOrEqual(128 * 1024);
    shareHostCache(1);
  });
});
