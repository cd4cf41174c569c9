import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedError } from './embedded-child.js';

/** Who holds a state folder. A pid alone may have been given to another process since; its start time tells. */
interface Holder {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of proc_pid_stat(5). */
  readonly startTime: string;
}

/**
 * Takes the state folder for this process.
 * @returns how to give it back.
 * @throws EmbeddedError naming the pid when a living process has it. One that was killed has it no more.
 */
export function lockStateDir(folder: string): () => void {
  const path = join(folder, 'lock');
  const own = JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) ?? '' });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, own, { mode: 0o600 });
  try {
    // Two tries: one that finds a stale lock and removes it, one that takes the free place.
    if (!tryLink(draft, path)) {
      removeIfStale(path, folder);
      if (!tryLink(draft, path)) throw taken(readHolder(path), folder);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return () => rmSync(path, { force: true });
}

/** link(2) fails when the name is there, and the file appears with its content: no half-written lock is ever seen. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function removeIfStale(path: string, folder: string): void {
  const holder = readHolder(path);
  if (holder !== null && startTimeOf(holder.pid) === holder.startTime) throw taken(holder, folder);
  // Two that start at once may both judge it stale. Renaming lets one of them win; the loser's finds nothing.
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
    unlinkSync(aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function taken(holder: Holder | null, folder: string): EmbeddedError {
  const who = holder === null ? '' : ` (pid ${holder.pid})`;
  return new EmbeddedError(`Sandpiper is running already${who} with its state in ${folder}`);
}

function readHolder(path: string): Holder | null {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder> | null;
    return typeof value?.pid === 'number' && typeof value.startTime === 'string'
      ? { pid: value.pid, startTime: value.startTime }
      : null;
  } catch {
    return null;
  }
}

/** @returns null when there is no such process. The name in parentheses may hold anything, so fields count from its end. */
function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
