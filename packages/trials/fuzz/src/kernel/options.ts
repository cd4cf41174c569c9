import type { GuestClock, KernelOptions } from '@sandpiper/kernel';
import { Finding } from '../finding.js';
import type { Source } from '../source.js';

export const MAX_CALLS = 200;
const LIMITS = {
  outputBytes: 2000,
  diskBytes: 256 * 1024,
  files: 12,
  openFiles: 14,
  syscalls: MAX_CALLS - 5,
};

/** Ten microseconds per call; a wait ends at once. */
class FuzzClock implements GuestClock {
  #ns = 0n;
  realtimeNs = () => 1_700_000_000_000_000_000n + this.#ns;
  monotonicNs = () => this.#ns;
  tick = () => void (this.#ns += 10_000n);
  waitUntil(ns: bigint, shouldStop: () => boolean): boolean {
    if (shouldStop() || ns > 2n ** 61n) return false;
    if (ns > this.#ns) this.#ns = ns;
    return true;
  }
}

/** For a small guest: limits that are met soon, a clock that does not wait. */
export function kernelOptions(source: Source): KernelOptions {
  let input = Buffer.from('one line\nand another\n');
  return {
    limits: LIMITS,
    stdin: {
      read: (max) => {
        const data = input.subarray(0, max);
        input = input.subarray(data.length);
        return data;
      },
    },
    stdout: { write: ({ length }) => length },
    stderr: { write: ({ length }) => length },
    cwd: '/box',
    files: [
      { path: '/given', data: Buffer.alloc(5000, 1) },
      { path: '/box/given', data: Buffer.alloc(5000, 2) },
    ],
    hostMounts: [],
    argv: ['pypy3', 'main.py'],
    executable: '/usr/bin/pypy3',
    env: { HOME: '/box', LANG: 'C.UTF-8' },
    clock: new FuzzClock(),
    cpuNs: () => 1_000_000n,
    randomBytes: (count) => Buffer.alloc(count, 7),
    setTimer: () => undefined,
    shouldStop: () => source.chance(128),
    trace: (line) => {
      if (/[^\x20-\x7e]/.test(line))
        throw new Finding(`a line of a trace with terminal control characters: ${line}`);
    },
    onOwnFound: () => undefined,
  };
}
