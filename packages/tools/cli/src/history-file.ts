import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { HISTORY_LINES } from './prompt.js';

/** Where lines of earlier sessions are kept (XDG Base Directory Specification: state). */
function historyPath(): string {
  const state = process.env['XDG_STATE_HOME'];
  return join(state?.startsWith('/') ? state : join(homedir(), '.local/state'), 'sandpiper/interact_history');
}

/** Latest first. A history that cannot be read is none. */
export function readHistory(): string[] {
  try {
    return readFileSync(historyPath(), 'utf8').split('\n').filter(Boolean).slice(-HISTORY_LINES).toReversed();
  } catch {
    return [];
  }
}

/** Replaces the file at once, for the user's eyes only. A session does not fail for want of a history. */
export function writeHistory(lines: readonly string[]): void {
  const path = historyPath();
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const text = lines.slice(0, HISTORY_LINES).toReversed().join('\n');
    writeFileSync(`${path}.${process.pid}`, `${text}\n`, { mode: 0o600 });
    renameSync(`${path}.${process.pid}`, path);
  } catch {
    // no home, or not writable
  }
}
