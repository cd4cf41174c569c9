import { userLines } from './rights.js';

/** As docs/redis.md requires, except that every write is synced. */
const SETTINGS = {
  save: '""',
  appendonly: 'yes',
  appendfsync: 'always',
  'maxmemory-policy': 'noeviction',
  // Replicas need not wait for each other.
  'repl-diskless-sync-delay': '0',
};

/** The text of a redis.conf. @param namedUser see {@link userLines} */
export function configuration(settings: Readonly<Record<string, string>>, namedUser: boolean): string {
  const lines = Object.entries({ ...SETTINGS, ...settings }).map(([name, value]) => `${name} ${value}`);
  return [...lines, ...userLines(namedUser), ''].join('\n');
}
