import { statSync } from 'node:fs';
import { engineTraits, type Interpreter } from './engines.js';

/** Names the interpreter's file, its size and its date: differs when another file takes its place. */
export function interpreterStamp(executable: string): string {
  const { size, mtimeMs } = statSync(executable);
  return `${executable} of ${size} bytes, ${new Date(mtimeMs).toISOString()}`;
}

/** The stamp of this host's interpreter; null where its files are missing. */
export function interpreterStampOf(interpreter: Interpreter): string | null {
  try {
    return interpreterStamp(engineTraits(interpreter).executable);
  } catch {
    return null;
  }
}
