import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defaultStateDir } from '../service/state-folder.js';
import { HISTORY_LINES } from './prompt.js';

/** The file with lines of earlier sessions. */
const historyPath = (): string => join(defaultStateDir(), 'interact_history');

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
