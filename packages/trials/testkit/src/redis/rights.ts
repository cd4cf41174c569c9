import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';

const DOCUMENT = new URL('../../../../../docs/redis.md', import.meta.url);

/** The user for the tests' own administration, which the services' user may not do. */
export const ADMIN = { username: 'admin', password: 'for-tests-alone' } as const;

const ADMIN_LINE = `user ${ADMIN.username} on >${ADMIN.password} ~* &* +@all`;

/** The services' user at Sentinels. */
export const SENTINEL_CLIENT = { username: 'sandpiper-sentinel', password: 'asked-by-sentinels' } as const;

/** The services' user where a test wants a named one. */
const SERVICE = { username: 'sandpiper', password: 'also-for-tests' } as const;

/** The rules that docs/redis.md gives a user, from the line that it shows. */
function documentedRights(user: 'sandpiper' | 'sandpiper-sentinel'): string {
  const line = new RegExp(`^ACL SETUSER ${user} reset on >PASSWORD (.+)$`, 'm');
  const rules = line.exec(readFileSync(DOCUMENT, 'utf8'))?.[1];
  if (rules === undefined) throw new Error(`docs/redis.md has no line "ACL SETUSER ${user} ..."`);
  return rules;
}

/** The environment variables of a service that connects as the named user; the file goes into the folder. */
export async function userVariables(folder: string) {
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, `${SERVICE.password}\n`, { mode: 0o600 });
  return { SANDPIPER_REDIS_USERNAME: SERVICE.username, SANDPIPER_REDIS_PASSWORD_FILE: passwordFile };
}

/**
 * Lines of a redis.conf: the services' user (named with a password, or the default user) may do what is
 * documented, so that an undocumented command shows in the test that needs it.
 */
export function userLines(named: boolean): string[] {
  const rights = documentedRights('sandpiper');
  return [
    ...(named
      ? ['user default off', `user ${SERVICE.username} on >${SERVICE.password} ${rights}`]
      : [`user default on nopass ${rights}`]),
    ADMIN_LINE,
  ];
}

/** The same for a Sentinel. */
export function sentinelUserLines(): string[] {
  const { username, password } = SENTINEL_CLIENT;
  return ['user default off', `user ${username} on >${password} ${documentedRights(username)}`, ADMIN_LINE];
}

/** @throws Error that names what was tried without permission since the server began. */
export async function checkRights(admin: Redis): Promise<void> {
  const log = (await admin.acl('LOG', 100)) as string[][];
  const refused = log
    .map((flat) => entry(flat))
    .filter(({ reason, object }) => reason !== 'auth' && object !== GREETING);
  if (refused.length === 0) return;
  const what = refused.map(({ reason, object, context }) => `${reason} ${object} (${context})`);
  throw new Error(`docs/redis.md does not allow what was tried here: ${[...new Set(what)].join(', ')}`);
}

/**
 * ioredis always tells Sentinels its own name, and carries on when that is refused. It cannot be granted in a
 * line that servers before 7.2, which lack the command, accept too.
 */
const GREETING = 'client|setinfo';

/** ACL LOG answers with lists of alternating names and values. */
function entry(flat: readonly string[]): { reason: string; object: string; context: string } {
  const field = (name: string): string => flat[flat.indexOf(name) + 1] ?? '';
  return { reason: field('reason'), object: field('object'), context: field('context') };
}
