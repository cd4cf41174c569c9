import { O } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { FakeGuest, limits } from './fake-guest.js';

const { CREAT, RDWR, WRONLY } = O;

/** A frame as native/shim/late.c of the guest package writes it. */
function frame(
  fd: number,
  text: string,
  atNs: bigint | null = fd > 2 ? process.hrtime.bigint() : null,
): Buffer {
  const head = Buffer.alloc(atNs === null ? 4 : 12);
  head.writeUInt16LE(fd, 0);
  head.writeUInt16LE(Buffer.byteLength(text), 2);
  if (atNs !== null) head.writeBigInt64LE(atNs, 4);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** Writes twice, as a guest does that shall be allowed to write late. */
function written(guest: FakeGuest, fd: number) {
  const { shortCuts } = guest.kernel;
  guest.write(fd, 'a');
  shortCuts.offer('write', fd, 1);
  guest.write(fd, 'b');
  return shortCuts.offer('write', fd, 1).late;
}

/** st_mtime of stat(2), seconds. */
function changedAt(guest: FakeGuest, path: string): number {
  const at = guest.memory.room(144);
  guest.call('stat', path, at);
  return Number(guest.memory.read(at, 144).readBigInt64LE(88));
}

const taken = { kind: 'return', value: 0, errno: null };
const violation = expect.objectContaining({ kind: 'violation' });

describe('late output', () => {
  it('goes to both streams in its order, and counts as the calls that it was', () => {
    const guest = new FakeGuest();
    const frames = [frame(1, 'one\n'), frame(1, 'two\n'), frame(2, 'error\n'), frame(1, 'three\n')];
    expect(guest.kernel.shortCuts.takeLate(Buffer.concat(frames))).toEqual(taken);
    expect([guest.stdout, guest.stderr]).toEqual(['one\ntwo\nthree\n', 'error\n']);
    expect(guest.kernel.usage).toMatchObject({ syscalls: 4, bytesWritten: 20 });
  });

  it('is allowed for the first line already, and for what is left of the limit of output', () => {
    const guest = new FakeGuest();
    guest.write(1, 'x'.repeat(300));
    const { late } = guest.kernel.shortCuts.offer('write', 1, 300);
    expect(late).toEqual({ descriptors: [1, 2], bytes: limits.outputBytes - 300 });
  });

  it('ends the run at the limit, with what fits', () => {
    const guest = new FakeGuest();
    const frames = Buffer.concat([frame(1, 'x'.repeat(999)), frame(1, 'yz')]);
    expect(guest.kernel.shortCuts.takeLate(frames)).toEqual({ kind: 'limit', limit: 'outputBytes' });
    expect(guest.stdout).toBe(`${'x'.repeat(999)}y`);
  });

  it('counts against the limit of calls', () => {
    const guest = new FakeGuest({ limits: { ...limits, syscalls: 2 } });
    const { shortCuts } = guest.kernel;
    expect(shortCuts.takeLate(Buffer.concat([frame(1, 'a'), frame(1, 'b')]))).toEqual(taken);
    expect(shortCuts.takeLate(frame(1, 'c'))).toEqual({ kind: 'limit', limit: 'syscalls' });
  });

  it('goes to a file that is written in small pieces, which changed when it was written', () => {
    const began = 1000;
    let nowNs = BigInt(began - 10) * 1_000_000_000n;
    const clock = { realtimeNs: () => nowNs, monotonicNs: () => nowNs, tick() {}, waitUntil: () => true };
    const guest = new FakeGuest({ clock });
    nowNs = BigInt(began) * 1_000_000_000n;
    const fd = guest.open('a', CREAT | RDWR);
    expect(written(guest, fd)?.descriptors).toEqual([1, 2, fd]);
    const atNs = BigInt(began - 5) * 1_000_000_000n;
    const frames = Buffer.concat([frame(fd, 'c', 0n), frame(fd, 'de', atNs)]);
    expect(guest.kernel.shortCuts.takeLate(frames)).toEqual(taken);
    expect(guest.size('/box/a')).toBe(5);
    guest.call('lseek', fd, 0, 0);
    expect(guest.read(fd, 10)).toBe('abcde');
    expect(changedAt(guest, '/box/a')).toBe(began - 5);
  });

  it('is not allowed for a file of which another call was made, or that the disk may have no room for', () => {
    const guest = new FakeGuest({ limits: { ...limits, diskBytes: 64 * 1024 } });
    const fd = guest.open('a', CREAT | WRONLY);
    expect(written(guest, fd)?.descriptors).toEqual([1, 2]);
    const roomy = new FakeGuest();
    const file = roomy.open('a', CREAT | WRONLY);
    roomy.write(file, 'a');
    roomy.kernel.shortCuts.offer('write', file, 1);
    roomy.kernel.shortCuts.offer('lseek', file, 0);
    roomy.write(file, 'b');
    expect(roomy.kernel.shortCuts.offer('write', file, 1).late).toBeNull();
  });

  it.each([
    ['no frame', Buffer.from([1])],
    ['an empty frame', frame(1, '')],
    ['a frame that is cut off', frame(1, 'text').subarray(0, 6)],
    ['a file without its time', frame(3, 'text').subarray(0, 8)],
    ['a descriptor that is not open', frame(9, 'text')],
    ['standard input', frame(0, 'text', 0n)],
  ])('that makes no sense is a violation: %s', (_, frames) => {
    expect(new FakeGuest().kernel.shortCuts.takeLate(frames)).toEqual(violation);
  });

  it('to a file that is open for reading only is a violation', () => {
    const guest = new FakeGuest();
    guest.write(guest.open('a', CREAT | WRONLY), 'text');
    const fd = guest.open('a');
    expect(guest.kernel.shortCuts.takeLate(frame(fd, 'text'))).toEqual(violation);
  });

  it('to a standard stream that has become a file is a violation: its frame has no time', () => {
    const guest = new FakeGuest();
    expect(guest.call('dup2', guest.open('a', CREAT | WRONLY), 1)).toBe(1);
    expect(guest.kernel.shortCuts.takeLate(frame(1, 'text'))).toEqual(violation);
  });
});

describe('bytes that are sent ahead', () => {
  function reading() {
    const guest = new FakeGuest();
    guest.write(guest.open('a', CREAT | WRONLY), 'abcdefgh');
    const fd = guest.open('a');
    const { shortCuts } = guest.kernel;
    expect(guest.read(fd, 1)).toBe('a');
    expect(shortCuts.offer('read', fd, 1).ahead).toBeNull();
    expect(guest.read(fd, 1)).toBe('b');
    return { guest, fd, shortCuts, ahead: shortCuts.offer('read', fd, 1).ahead };
  }

  it('come with the second small read in a row, and are the position of the file once they are read', () => {
    const { guest, fd, shortCuts, ahead } = reading();
    expect([ahead?.fd, ahead?.data.toString()]).toEqual([fd, 'cdefgh']);
    const before = guest.kernel.usage.syscalls;
    expect(shortCuts.takeAhead(3, 2)).toEqual(taken);
    expect(guest.kernel.usage.syscalls).toBe(before + 2);
    expect(guest.call('lseek', fd, 0, 1)).toBe(5);
    expect(guest.read(fd, 10)).toBe('fgh');
  });

  it.each([
    [7, 1],
    [1, 2],
  ])('cannot be read beyond what was sent: %d bytes by %d calls', (bytes, calls) => {
    expect(reading().shortCuts.takeAhead(bytes, calls)).toEqual(violation);
  });

  it('are no longer ahead after another call', () => {
    const { guest, fd, shortCuts } = reading();
    guest.call('lseek', fd, 0, 0);
    expect(shortCuts.takeAhead(1, 1)).toEqual(violation);
  });
});
