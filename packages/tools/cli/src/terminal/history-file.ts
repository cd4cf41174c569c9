import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { HISTORY_LINES } from './prompt.js';

/** The file with lines of earlier sessions (XDG Base Directory Specification: state). */
function historyPath(): string {
  const state = process.env['XDG_STATE_HOME'];
  return join(state?.startsWith('/') ? state : join(homedir(), '.local/state'), 'sandpiper/interact_history');
}

/** Latest first. An unreadable history counts as empty. */
export function readHistory(): string[] {
  try {
    return readFileSync(historyPath(), 'utf8').split('\n').filter(Boolean).slice(-HISTORY_LINES).toReversed();
  } catch {
    return [];
  }
}

/** Replaces the file atomically, readable only by the user. A session never fails because of its history. */
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
