import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * The default state folder: the embedded service's, and for the history of sessions (XDG Base Directory
 * Specification).
 */
export function defaultStateDir(): string {
  const given = process.env['XDG_STATE_HOME'];
  // The specification says to ignore relative paths.
  const base = given !== undefined && isAbsolute(given) ? given : join(homedir(), '.local', 'state');
  return join(base, 'sandpiper');
}

/** File in the state folder with the address of the running service, for commands on the same host. */
export const SERVICE_FILE = 'service.json';

export interface ServiceFile {
  readonly url: string;
  /** File with the admin key, where the service requires keys. */
  readonly adminKey?: string;
}
