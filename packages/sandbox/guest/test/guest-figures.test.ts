import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GuestFigures } from '../src/guest-figures.js';

const PID = 12;
/** As gVisor writes it. */
const WITHOUT_SIGNALS = 'Name:\tpypy3\nState:\tS (sleeping)\nVmRSS:\t1000 kB\nThreads:\t1\n';

let proc: string;
beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'sandpiper-proc-'));
  mkdirSync(join(proc, String(PID)));
});
afterEach(() => rmSync(proc, { recursive: true, force: true }));

function figures(status: string, signals: number | null): GuestFigures {
  writeFileSync(join(proc, String(PID), 'status'), status);
  return new GuestFigures(PID, { pid: 1, status: -1, schedstat: -1, signals }, proc);
}

describe('a wait of a guest', () => {
  it.each([
    ['ShdPnd:\t0000000000000000\n', true],
    ['ShdPnd:\t0000000000002000\n', false],
  ])('goes on by what the kernel says: %j', (line, goesOn) => {
    const guest = figures(WITHOUT_SIGNALS + line, null);
    expect(guest.goesOn).toBe(goesOn);
    guest.close();
  });

  it('ends once for what the keeper has sent, where the kernel does not tell', () => {
    const counter = openSync(join(proc, 'signals'), 'w+');
    const sent = (count: bigint): void => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(count);
      writeSync(counter, bytes, 0, 8, 0);
    };
    try {
      sent(5n); // to earlier guests
      const guest = figures(WITHOUT_SIGNALS, counter);
      expect(guest.goesOn).toBe(true);
      sent(6n);
      expect(guest.goesOn).toBe(false);
      expect(guest.goesOn).toBe(true);
      guest.close();
    } finally {
      closeSync(counter);
    }
  });

  it('ends at once where nobody tells', () => {
    const guest = figures(WITHOUT_SIGNALS, null);
    expect(guest.goesOn).toBe(false);
    guest.close();
  });

  it('ends with the guest', () => {
    const guest = figures(WITHOUT_SIGNALS.replace('S (sleeping)', 'Z (zombie)'), null);
    expect(guest.goesOn).toBe(false);
    expect(guest.hasEnded).toBe(true);
    guest.close();
  });
});
