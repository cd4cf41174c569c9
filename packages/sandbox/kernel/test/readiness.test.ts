import { O } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { FakeGuest, limits } from './fake-guest.js';

/** The cost of a readiness check, counted in steps. */

const FILES = 200;
const IN = 1;

class Sets extends FakeGuest {
  constructor() {
    super({ limits: { ...limits, openFiles: FILES } });
  }

  epoll(): number {
    return this.call('epoll_create1', 0);
  }

  event(events = IN): Buffer {
    const event = Buffer.alloc(12);
    event.writeUInt32LE(events);
    return event;
  }

  watch(set: number, fd: number, events = IN): number {
    return this.call('epoll_ctl', set, 1, fd, this.event(events));
  }

  pipe(): [reader: number, writer: number] {
    const at = this.memory.room(8);
    if (this.call('pipe2', at, O.NONBLOCK) < 0) return [-1, -1];
    const ends = this.memory.read(at, 8);
    return [ends.readInt32LE(0), ends.readInt32LE(4)];
  }

  poll(fds: readonly number[]): number {
    const entries = Buffer.alloc(8 * fds.length);
    for (const [i, fd] of fds.entries()) {
      entries.writeInt32LE(fd, 8 * i);
      entries.writeInt16LE(IN, 8 * i + 4);
    }
    return this.call('poll', entries, fds.length, 0);
  }

  steps(act: () => unknown): number {
    const before = this.kernel.steps;
    act();
    return this.kernel.steps - before;
  }
}

/** As deep and as wide as sets may be, each with as many idle descriptors as there is room for. */
function crowd(): { guest: Sets; rows: number[][] } {
  const guest = new Sets();
  const rows = [1, 4, 4, 4].map((count) => Array.from({ length: count }, () => guest.epoll()));
  const idle: number[] = [];
  for (let [reader, writer] = guest.pipe(); reader >= 0; [reader, writer] = guest.pipe())
    idle.push(reader, writer);
  for (const [depth, row] of rows.entries())
    for (const set of row) for (const inner of rows[depth + 1] ?? []) guest.watch(set, inner);
  for (const set of rows.flat()) for (const fd of idle) guest.watch(set, fd);
  return { guest, rows };
}

describe('a readiness check of nested epoll sets', () => {
  const { guest, rows } = crowd();
  const outermost = rows[0]?.[0] ?? -1;
  // Each descriptor and each watch a few times, however many paths lead to them.
  const most = 6 * (FILES + 4 * FILES);

  it('costs no more where poll names the outermost set repeatedly', () => {
    expect(
      guest.steps(() => expect(guest.poll(Array.from({ length: FILES }, () => outermost))).toBe(0)),
    ).toBeLessThan(most);
  });

  it('costs no more for select or epoll_wait', () => {
    const bits = Buffer.alloc(128, 0);
    for (const fd of rows.flat()) bits[fd >> 3] = (bits[fd >> 3] ?? 0) | (1 << (fd & 7));
    expect(
      guest.steps(() => expect(guest.call('select', FILES, bits, 0, 0, Buffer.alloc(16))).toBe(0)),
    ).toBeLessThan(most);
    const room = guest.memory.room(12 * FILES);
    expect(
      guest.steps(() => expect(guest.call('epoll_wait', outermost, room, FILES, 0)).toBe(0)),
    ).toBeLessThan(most);
  });

  it('finds what is ready through all of them', () => {
    const small = new Sets();
    const sets = Array.from({ length: 4 }, () => small.epoll());
    const [reader, writer] = small.pipe();
    for (const [i, set] of sets.entries()) small.watch(set, sets[i + 1] ?? reader);
    expect(small.poll([sets[0] ?? -1, reader])).toBe(0);
    small.write(writer, 'x');
    expect(small.poll([sets[0] ?? -1, reader])).toBe(2);
    // One set more around them is one too many to search.
    const outer = small.epoll();
    small.watch(outer, sets[0] ?? -1);
    expect(small.poll([outer, sets[0] ?? -1])).toBe(1);
  });
});

describe('epoll watches', () => {
  it('are limited to four per descriptor, over all sets', () => {
    const { guest, rows } = crowd();
    expect(guest.kernel.inconsistencies()).toEqual([]);
    const last = rows.flat().at(-1) ?? -1;
    let made = 0;
    for (const set of rows.flat()) for (let fd = 0; fd < FILES; fd++) if (guest.watch(set, fd) === 0) made++;
    expect(guest.watch(last, 0)).toBe(-28); // ENOSPC
    expect(made).toBeLessThan(4 * FILES);
    // A closed descriptor is not watched any more, so there is room again.
    for (let fd = FILES / 2; fd < FILES; fd++) guest.call('close', fd);
    expect(guest.watch(last, 0)).toBe(0);
    for (const set of rows.flat()) guest.call('close', set);
    expect(guest.kernel.inconsistencies()).toEqual([]);
  });

  it('are forgotten with the descriptor, though its number is in use again', () => {
    const guest = new Sets();
    const set = guest.epoll();
    const room = guest.memory.room(120);
    const wait = () => guest.call('epoll_wait', set, room, 10, 0);
    const copy = guest.call('dup', 0);
    expect([guest.watch(set, copy), wait()]).toEqual([0, 1]);
    guest.call('dup2', 1, copy);
    expect(wait()).toBe(0);
    expect([guest.watch(set, copy, 4), wait()]).toEqual([0, 1]);
    // Of two descriptors of one stream the other is watched still.
    expect([guest.watch(set, 0), wait()]).toEqual([0, 2]);
    guest.call('close', copy);
    expect(wait()).toBe(1);
    expect(guest.kernel.inconsistencies()).toEqual([]);
  });
});
