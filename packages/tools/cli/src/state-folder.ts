import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Where the embedded service keeps its state unless it is told otherwise. */
export function defaultStateDir(): string {
  const given = process.env['XDG_STATE_HOME'];
  // The specification of base directories says to ignore relative paths.
  const base = given !== undefined && isAbsolute(given) ? given : join(homedir(), '.local', 'state');
  return join(base, 'sandpiper');
}

/** In the state folder: where the running service is, for commands on the same host. */
export const SERVICE_FILE = 'service.json';

export interface ServiceFile {
  readonly url: string;
  /** Where keys are asked for: the one that makes others. */
  readonly adminKey?: string;
}
