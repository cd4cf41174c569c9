import { errorCode } from '@sandpiper/contracts';
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The key that creates the first API keys, where keys are required. */
export const adminKey = (stateDir: string): string =>
  process.env['SANDPIPER_ADMIN_KEY'] ?? keptSecret(join(stateDir, 'admin.key'));

/** The secret that signs callbacks. */
export const callbackSecret = (stateDir: string): string =>
  process.env['SANDPIPER_CALLBACK_SECRET'] ?? keptSecret(join(stateDir, 'callback-secret'));

/** A secret that is made once and kept in a file that only this user can read. */
export function keptSecret(path: string): string {
  return readSecret(path) ?? makeSecret(path);
}

function readSecret(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** The file appears with its content (link(2)); of two that are made at the same time both callers get the first. */
function makeSecret(path: string): string {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  try {
    linkSync(draft, path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return readFileSync(path, 'utf8').trim();
}
