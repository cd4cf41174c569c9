import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@sandpiper/contracts';
import { EmbeddedError } from './child.js';

/** The process that holds a state folder. A pid may be reused, so its start time is compared as well. */
interface Holder {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of proc_pid_stat(5). */
  readonly startTime: string;
}

/**
 * Takes the state folder for this process.
 * @returns a function that releases it.
 * @throws EmbeddedError naming the pid when a living process holds it. The lock of a dead process is stale.
 */
export function lockStateDir(folder: string): () => void {
  const path = join(folder, 'lock');
  const own = JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) ?? '' });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, own, { mode: 0o600 });
  try {
    // Two tries: the first may find and remove a stale lock, the second takes it.
    if (!tryLink(draft, path)) {
      removeIfStale(path, folder);
      if (!tryLink(draft, path)) throw taken(readHolder(path), folder);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return () => rmSync(path, { force: true });
}

/**
 * link(2) fails when the name exists, and the file appears with its content: a half-written lock is never
 * seen.
 */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function removeIfStale(path: string, folder: string): void {
  const holder = readHolder(path);
  if (holder !== null && startTimeOf(holder.pid) === holder.startTime) throw taken(holder, folder);
  // Two processes may both judge it stale. Only one rename succeeds; the other finds nothing.
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
    unlinkSync(aside);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

function taken(holder: Holder | null, folder: string): EmbeddedError {
  const who = holder === null ? '' : ` (pid ${holder.pid})`;
  return new EmbeddedError(
    `Sandpiper is already running${who} with its state in ${folder}; for another one use --state-dir`,
  );
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

/**
 * @returns null for no such process. The name in parentheses may hold anything: count fields from its end.
 */
function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
