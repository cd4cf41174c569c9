import { readdirSync, readFileSync } from 'node:fs';
import type { Bench } from './bench.js';
import type { Measurement } from './measurement.js';

const LIMIT_MS = 500;

const PROGRAMS: readonly (readonly [string, string])[] = [
  ['sleeps', 'import time; time.sleep(1000)'],
  ['spins', 'while True: pass'],
  [
    'ignores SIGTERM and SIGXCPU',
    'import signal\nfor s in (signal.SIGTERM, signal.SIGXCPU): signal.signal(s, signal.SIG_IGN)\nwhile True: pass',
  ],
  ['waits for a lock', 'import threading; l = threading.Lock(); l.acquire(); l.acquire()'],
];

/** Endless programs: how long after the wall limit they are gone. */
export async function wallLimit(bench: Bench, step: () => void): Promise<Measurement[]> {
  const findings: Measurement[] = [];
  const add = (what: string, status: string, wallMs: number) => {
    findings.push({
      experiment: `a program that ${what}: dead after the wall limit`,
      measured: `${(wallMs - LIMIT_MS).toFixed(1)} ms (${status})`,
      required: 'at most 500 ms',
      met: status === 'wall-limit' && wallMs - LIMIT_MS <= 500,
    });
    step();
  };
  const limits = { wallMs: LIMIT_MS, cpuMs: 10_000 };
  for (const [what, source] of PROGRAMS) {
    const { status, usage } = await bench.run(source, limits);
    add(what, status, usage.wallMs);
  }
  const program = 'print("begun", flush=True)\nwhile True: pass';
  const { status, usage } = await bench.runLive(program, limits, stopGuests);
  add('is stopped from outside', status, usage.wallMs);
  return findings;
}

/** Sends SIGSTOP to the guests of our keepers: the children of our children that are an interpreter. */
function stopGuests(): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = parentPid(Number(pid));
      if (commandOf(Number(pid)) === 'pypy3' && parentPid(parent) === process.pid)
        process.kill(Number(pid), 'SIGSTOP');
    } catch {
      // ended meanwhile
    }
  }
}

export function parentPid(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
}
