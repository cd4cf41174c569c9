import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The secret that signs callbacks: from the environment, or created once and kept in the state folder,
 * readable only by this user. Call with the folder locked.
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
