import { readdirSync, readFileSync } from 'node:fs';

/** A process id is used again some day; with the time of its start it is one process (proc_pid_stat(5)). */
export interface ProcessId {
  readonly pid: number;
  /** In clock ticks since the boot. */
  readonly start: number;
}

interface ProcessFacts extends ProcessId {
  readonly parent: number;
}

/** Null when it is gone, or only waits to be reaped. */
function look(pid: number): ProcessFacts | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program stands in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : { pid, parent: Number(fields[1]), start: Number(fields[19]) };
  } catch {
    return null;
  }
}

export const isAlive = ({ pid, start }: ProcessId): boolean => look(pid)?.start === start;

/** All that descend of it, at this moment. */
export function descendantsOf(root: number): ProcessId[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => look(Number(name)) ?? []);
  const children = (parent: number): ProcessId[] =>
    all
      .filter((process) => process.parent === parent)
      .flatMap(({ pid, start }) => [{ pid, start }, ...children(pid)]);
  return children(root);
}

/** What it runs, for people. */
export function commandOf(pid: number): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').filter(Boolean);
    return words.slice(0, 3).join(' ').slice(0, 100);
  } catch {
    return 'gone';
  }
}

/** Resident memory, bytes; 0 when it is gone. */
export function residentBytes(pid: number): number {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return Number(kib ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** CPU time that it and its threads have used, seconds (100 ticks a second on Linux x86-64). */
export function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}
