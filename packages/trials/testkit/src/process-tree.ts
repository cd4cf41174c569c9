import { readdirSync, readFileSync } from 'node:fs';

/** The children of any of its threads (proc(5), task/TID/children); none when it is gone. */
export function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' '))
      .filter((text) => text.trim() !== '')
      .map(Number);
  } catch {
    return [];
  }
}

/** All its descendants at this moment. */
export const descendantPids = (pid: number): number[] =>
  childrenOf(pid).flatMap((child) => [child, ...descendantPids(child)]);

/** A process that has ended and only waits to be reaped is not. */
export function isLivePid(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The program's name stands in parentheses and may hold anything (proc_pid_stat(5)).
    return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
  } catch {
    return false;
  }
}
