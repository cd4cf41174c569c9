import { readdirSync, readFileSync } from 'node:fs';

/** A process id is reused some day; with its start time it identifies one process (proc_pid_stat(5)). */
export interface ProcessId {
  readonly pid: number;
  /** In clock ticks since the boot. */
  readonly start: number;
}

interface ProcessFacts extends ProcessId {
  readonly parent: number;
}

/** Its fields after the name (proc_pid_stat(5)), the state first; null when it is gone. */
function fieldsOf(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The program's name stands in parentheses and may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** Null when it is gone, or a zombie. */
function look(pid: number): ProcessFacts | null {
  const fields = fieldsOf(pid);
  if (fields === null || fields[0] === 'Z') return null;
  return { pid, parent: Number(fields[1]), start: Number(fields[19]) };
}

export const isAlive = ({ pid, start }: ProcessId): boolean => look(pid)?.start === start;

/** Null when it is gone. */
export const parentOf = (pid: number): number | null => look(pid)?.parent ?? null;

/** How many of its descendants have ended and wait to be reaped. */
export function zombiesBelow(root: number): number {
  const below = new Set([root, ...descendantsOf(root).map(({ pid }) => pid)]);
  return readdirSync('/proc').filter((name) => {
    const fields = /^\d+$/.test(name) ? fieldsOf(Number(name)) : null;
    return fields?.[0] === 'Z' && below.has(Number(fields[1]));
  }).length;
}

/** All its descendants, at this moment. */
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

/** Its command, for humans. */
export function commandOf(pid: number): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').filter(Boolean);
    return words.slice(0, 3).join(' ').slice(0, 100);
  } catch {
    return 'gone';
  }
}

/** Resident memory, bytes; 0 when it is gone. */
export const residentBytes = (pid: number): number => kibibytesOf(pid, 'VmRSS') * 1024;

/** Peak resident memory, bytes; 0 when it is gone. */
export const peakResidentBytes = (pid: number): number => kibibytesOf(pid, 'VmHWM') * 1024;

function kibibytesOf(pid: number, field: string): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** CPU time that it and its threads have used, seconds (100 ticks a second on Linux x86-64). */
export function cpuSeconds(pid: number): number {
  const fields = fieldsOf(pid) ?? [];
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
}
