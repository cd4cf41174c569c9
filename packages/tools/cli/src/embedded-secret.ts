import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What the embedded service signs callbacks with: the one of the environment, or one that is made once and kept in the
 * state folder, where this user alone can read it. Call with the folder locked.
 */
export function callbackSecret(stateDir: string): string {
  const given = process.env['SANDPIPER_CALLBACK_SECRET'];
  if (given !== undefined) return given;
  const path = join(stateDir, 'callback-secret');
  try {
    const file = openSync(path, 'wx', 0o600);
    try {
      writeSync(file, `${randomBytes(32).toString('hex')}\n`);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(path, 'utf8').trim();
}
