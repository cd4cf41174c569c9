/**
 * Where Redis is, as one string:
 *
 *   /run/redis.sock                                         a Unix socket
 *   redis://[user:password@]host[:port][/db]                one server
 *   redis-sentinel://[user:password@]host[:port],.../MASTER[/db]
 *                                                           the Sentinels that know where MASTER is
 *   redis-cluster://[user:password@]host[:port],...         some nodes of a cluster, which name the others
 *
 * `rediss`, `rediss-sentinel` and `rediss-cluster` are the same over TLS, for every connection.
 */

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export type RedisTopology =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'single'; readonly address: RedisAddress; readonly db: number }
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly RedisAddress[];
      readonly master: string;
      readonly db: number;
    }
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisAddress[] };

export interface RedisLocation {
  readonly topology: RedisTopology;
  readonly tls: boolean;
  /** Empty where the URL has none. */
  readonly username: string;
  readonly password: string;
}

const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26_379;

const SHAPE = /^redis(s?)(|-sentinel|-cluster):\/\/(?:([^@/]*)@)?([^/@]*)(?:\/(.*))?$/;
const HOST = /^(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/;

/** @throws Error with one line that does not repeat the URL: there may be a password in it. */
export function parseRedisLocation(url: string): RedisLocation {
  if (url.startsWith('/')) {
    return { topology: { kind: 'socket', path: url }, tls: false, username: '', password: '' };
  }
  const [, secure, kind, user = '', hosts = '', path = ''] = SHAPE.exec(url) ?? [];
  if (kind === undefined) {
    throw new Error(
      'must be the absolute path of a Unix socket or a URL: redis://, redis-sentinel://, redis-cluster://, ' +
        'or with TLS rediss://, rediss-sentinel://, rediss-cluster://',
    );
  }
  return { topology: topologyOf(kind, hosts, path), tls: secure === 's', ...credentialsOf(user) };
}

function topologyOf(kind: string, hosts: string, path: string): RedisTopology {
  if (kind === '-sentinel') {
    const [master = '', db = '', ...rest] = path.split('/');
    if (!/^[\w.-]+$/.test(master) || rest.length > 0) {
      throw new Error(
        'must name the master behind the Sentinels: redis-sentinel://host:port,.../MASTER[/db]',
      );
    }
    return { kind: 'sentinel', sentinels: addresses(hosts, DEFAULT_SENTINEL_PORT), master, db: database(db) };
  }
  const nodes = addresses(hosts, DEFAULT_PORT);
  if (kind === '-cluster') {
    if (path !== '') throw new Error('must end after the hosts: a cluster has no databases');
    return { kind: 'cluster', nodes };
  }
  const [address, ...more] = nodes;
  if (address === undefined || more.length > 0) {
    throw new Error('must name one host; for several use redis-sentinel:// or redis-cluster://');
  }
  return { kind: 'single', address, db: database(path) };
}

function addresses(hosts: string, defaultPort: number): RedisAddress[] {
  return hosts.split(',').map((text) => {
    const [, v6, name, port = String(defaultPort)] = HOST.exec(text) ?? [];
    const host = v6 ?? name;
    if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
      throw new Error('must have hosts of the form name, name:port or [IPv6]:port, with commas between them');
    }
    return { host, port: Number(port) };
  });
}

function database(text: string): number {
  if (text === '') return 0;
  if (!/^\d{1,4}$/.test(text)) throw new Error('must end with the number of a database, or without one');
  return Number(text);
}

function credentialsOf(user: string): { username: string; password: string } {
  const colon = user.indexOf(':');
  const [username, password] = colon < 0 ? [user, ''] : [user.slice(0, colon), user.slice(colon + 1)];
  try {
    return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    throw new Error('must have user and password percent-encoded');
  }
}
